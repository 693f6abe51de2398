/**
 * The one door to wasm-tools: making a component of a core module. Packaging replaces this module by one that reaches a
 * vendored copy, so nothing but these two functions may pass through it.
 */
export { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
