import type { Line } from "@/realtime/conversation";

/** A conversation as a text file: a paragraph a line, with what was not heard in brackets. */
export function transcriptText(lines: readonly Line[]): string {
  return lines
    .filter(({ text, unheard }) => text !== "" || unheard !== "")
    .map(({ role, text, unheard }) => {
      const rest = unheard.trim() === "" ? "" : ` [not heard: ${unheard.trim()}]`;
      return `${role === "user" ? "You" : "Assistant"}: ${text}${rest}\n`;
    })
    .join("\n");
}

/** Hands the browser `text` to keep as `name`. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
