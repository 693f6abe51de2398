/**
 * The one door to jco's code generator. Packaging points this import to a copy of that one file, because the
 * package around it brings 93 MB that only its optimizer needs.
 */
export { $init as generatorReady, generate } from '@bytecodealliance/jco-transpile/component';
