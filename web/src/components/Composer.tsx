"use client";

import { useState, type SubmitEvent } from "react";

import { SendIcon } from "@/components/icons";

import styles from "./Composer.module.css";

const MAX_CHARS = 4000;

interface Props {
  readonly disabled: boolean;
  readonly onSend: (text: string) => void;
}

export function Composer({ disabled, onSend }: Props) {
  const [text, setText] = useState("");
  const ready = !disabled && text.trim() !== "";

  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (!ready) return;
    onSend(text.trim());
    setText("");
  };

  return (
    <form className={styles.composer} onSubmit={submit}>
      <label htmlFor="message" className="visually-hidden">
        Message
      </label>
      <input
        id="message"
        dir="auto"
        className={styles.input}
        value={text}
        maxLength={MAX_CHARS}
        placeholder="Or type a message"
        autoComplete="off"
        enterKeyHint="send"
        onChange={(event) => {
          setText(event.target.value);
        }}
      />
      <button type="submit" className={styles.send} aria-label="Send" aria-disabled={!ready}>
        <SendIcon />
      </button>
    </form>
  );
}
