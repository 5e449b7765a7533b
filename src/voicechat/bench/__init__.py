"""The library behind `voicechat bench`: every figure is of real processes, with what it was measured on beside it."""
