import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// During development the API comes from a platform on its default port, or from dev/board_server.py.
const platform = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: { target: "es2022", chunkSizeWarningLimit: 650, modulePreload: { polyfill: false } },
  server: { host: "127.0.0.1", proxy: { "/api": { target: platform, ws: true } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
