"use client";

import { useState, type SubmitEvent } from "react";

import styles from "./KeyForm.module.css";

interface Props {
  readonly onKey: (key: string) => void;
}

/** Asks for the key of the server. */
export function KeyForm({ onKey }: Props) {
  const [key, setKey] = useState("");

  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (key.trim() !== "") onKey(key.trim());
  };

  return (
    <form className={styles.form} onSubmit={submit}>
      <label htmlFor="key" className="visually-hidden">
        Key
      </label>
      <input
        id="key"
        type="password"
        className={styles.input}
        value={key}
        placeholder="Key"
        autoComplete="current-password"
        onChange={(event) => {
          setKey(event.target.value);
        }}
      />
      <button type="submit" className={styles.use}>
        Use key
      </button>
    </form>
  );
}
