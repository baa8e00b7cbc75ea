import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A server that sends `packets` for each request, each by itself. */
export async function wire(
  ...packets: (string | Uint8Array)[]
): Promise<{ url: URL; sockets: Socket[]; asked: string[] }> {
  const sockets: Socket[] = []
  const asked: string[] = []
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (text) => {
      asked.push(String(text))
      const send = ([packet, ...rest]: typeof packets): void => {
        if (packet !== undefined) socket.write(packet, () => setImmediate(send, rest))
      }
      send(packets)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/f?a=b`), sockets, asked }
}
