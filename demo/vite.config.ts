import { defineConfig } from 'vite'

/** The page is built like any user's: it imports `sovit` through package.json's exports, so the library is built first. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // The page's content policy refuses data: addresses for anything but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  assetsInclude: ['**/*.safetensors'],
})
