export { MemoryJournal } from './memory/memory-journal.js';
export { MemoryStream, type MemoryStreamOptions } from './memory/memory-stream.js';
export { NatsJournal, type NatsJournalOptions } from './nats/nats-journal.js';
export { SharedTail } from './shared/shared-tail.js';
