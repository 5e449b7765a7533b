import type { NextConfig } from "next";

const config: NextConfig = {
  output: "export",
  reactStrictMode: true,
  poweredByHeader: false,
  images: { unoptimized: true },
  // A lockfile above this directory must not move the project's root.
  turbopack: { root: import.meta.dirname },
};

export default config;
