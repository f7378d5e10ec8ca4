import type { MethodDefinition, ServiceClientConstructor } from '@grpc/grpc-js';
import { Etcd3 } from 'etcd3';

class Channels extends Etcd3 {
  async definition(service: 'KV' | 'Watch', method: string): Promise<MethodDefinition<object, object>> {
    const client = await this.pool.withConnection(service, (connection) => connection.client);
    const definition = (client.constructor as ServiceClientConstructor).service[method];
    if (definition === undefined) throw new Error(`etcd3 has no ${service}.${method}`);
    return definition;
  }
}

/** etcd3's own encoder and decoder of one procedure, which ours must agree with. Connects to nothing. */
export async function etcd3Codec(service: 'KV' | 'Watch', method: string): Promise<MethodDefinition<object, object>> {
  const channels = new Channels({ hosts: 'http://127.0.0.1:1' });
  try {
    return await channels.definition(service, method);
  } finally {
    channels.close();
  }
}
