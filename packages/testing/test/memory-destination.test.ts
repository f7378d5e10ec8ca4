import { destinationConformance, MemoryDestination } from '../src/index.js';

destinationConformance('MemoryDestination', async () => {
  const destination = new MemoryDestination();
  return {
    client: async () => destination,
    garbleCheckpoint: async () => destination.garbleCheckpoint(),
    write: async (key, value) => destination.write(key, value),
  };
});
