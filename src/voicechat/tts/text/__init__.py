"""Written text made speakable, concern by concern; `voicechat.tts.speakable` puts them in order."""
