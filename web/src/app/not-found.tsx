import styles from "./not-found.module.css";

export default function NotFound() {
  return (
    <main className={styles.page}>
      <h1>Nothing here</h1>
      <p>
        {/* A full load: the address may belong to another part of the server. */}
        {/* eslint-disable-next-line @next/next/no-html-link-for-pages */}
        <a href="/">Go and talk</a>
      </p>
    </main>
  );
}
