import { defineConfig } from "vite";

export default defineConfig({
  configFile: false,
  publicDir: false,
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    emptyOutDir: false,
    lib: { entry: new URL("jssip.entry.js", import.meta.url).pathname, formats: ["iife"], name: "Phone" },
    rollupOptions: { output: { entryFileNames: "jssip.js" } },
  },
});
