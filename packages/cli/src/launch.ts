import { loadProgram } from './program.js';

// The one place that ends the process, and nothing waits to be written any more: a client library's idle timer must not
// keep a finished command alive.
process.exit(await loadProgram(import.meta.dirname).main(process.argv));
