// Puts the page into another one: <script src="https://HOST/embed.js" data-voice="…"></script>
// The interface is described in docs/guides/page.md.
(() => {
  const script = document.currentScript;
  const server = new URL(script.src).origin;
  const listeners = new Map();

  const address = new URL("/", server);
  address.searchParams.set("embed", "1");
  address.searchParams.set("origin", window.location.origin);
  for (const name of ["voice", "language", "transport", "theme"]) {
    if (script.dataset[name]) address.searchParams.set(name, script.dataset[name]);
  }

  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = script.dataset.title ?? "Voice assistant";
  frame.allow = "microphone; autoplay; screen-wake-lock";
  frame.width = script.dataset.width ?? "380";
  frame.height = script.dataset.height ?? "600";
  frame.style.border = "0";
  const target = script.dataset.target && document.querySelector(script.dataset.target);
  if (target) target.append(frame);
  else script.after(frame);

  addEventListener("message", ({ source, origin, data }) => {
    if (source !== frame.contentWindow || origin !== server || typeof data?.voicechat !== "string") return;
    for (const listener of listeners.get(data.voicechat) ?? []) listener(data);
  });

  const ask = (message) => frame.contentWindow.postMessage(message, server);
  window.voicechat = Object.freeze({
    frame,
    talk: () => ask({ voicechat: "talk" }),
    end: () => ask({ voicechat: "end" }),
    say: (text) => ask({ voicechat: "say", text }),
    mute: (muted) => ask({ voicechat: "mute", muted }),
    voice: (voice) => ask({ voicechat: "voice", voice }),
    on: (type, listener) => {
      listeners.set(type, [...(listeners.get(type) ?? []), listener]);
    },
  });
})();
