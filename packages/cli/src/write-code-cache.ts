import { writeCodeCache } from './program.js';

writeCodeCache(import.meta.dirname);
