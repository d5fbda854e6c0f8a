/** A path's own connection: every packet once and in order, however little the kernel takes; what is no frame ends it. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { PacketBench } from '../../test/fixtures/packet-bench.ts';
import { Arena } from '../linux/arena.ts';
import { errnoValue } from '../linux/ffi.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { takeOver } from '../linux/stream-socket.ts';
import { Deframer } from '../tunnel/control/deframer.ts';
import { ESP_FRAME, FRAME_HEADER_LENGTH, writeFrameHeader } from '../tunnel/esp/stream-frame.ts';
import { isBlocked, type PathStream, STREAM_ARENA_BYTES, StreamMemory, StreamSender } from './path-stream.ts';

const SIZE = 1_000;
const BURST = 64 * SIZE - 100;

/** The worker's end as a descriptor, the peer's as a socket that reads nothing until it is told to. */
async function openConnection(): Promise<{ fd: number; peer: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const own = connect((server.address() as { port: number }).port, '127.0.0.1');
  await new Promise((resolve) => own.once('connect', resolve));
  const peer = await accepted;
  server.close();
  return { fd: takeOver(own), peer };
}

describe('the own connection of a path', () => {
  const arena = new Arena(STREAM_ARENA_BYTES + 512 * 1024);
  const memory = new StreamMemory(arena);
  const sender = new StreamSender(arena);
  const burst = arena.reserve(BURST);
  let fd: number;
  let peer: Socket;
  let stream: PathStream;
  const heard: Buffer[] = [];

  before(async () => {
    ({ fd, peer } = await openConnection());
    stream = memory.open(1, fd, 0, 0, true);
  });
  after(() => {
    peer.destroy();
    closeFd(fd);
  });

  /** Bursts whose packets begin with a number that counts on. */
  let number = 0;
  function sendBurst(): boolean {
    for (let at = 0; at < BURST; at += SIZE) arena.data.setUint32(burst + at, number++);
    if (sender.send(stream, burst, BURST, SIZE)) return true;
    number -= 64;
    return false;
  }

  it('outlives the socket of Node.js that it came from', () => {
    assert.ok(fd >= 0);
    assert.equal(peer.readableEnded, false);
  });

  it('keeps what the kernel does not take, up to a bound, and then takes no more', () => {
    let bursts = 0;
    while (sendBurst()) assert.ok(++bursts < 1_000);
    assert.equal(sender.error, errnoValue.EAGAIN);
    assert.ok(isBlocked(stream));
    assert.ok(stream.waitsTo - stream.waitsFrom <= 160 * 1024);
    assert.ok(sender.flush(stream));
  });

  it('goes on when there is room: every packet comes once, whole and in order, with its number', async () => {
    peer.on('data', (bytes: Buffer) => heard.push(bytes));
    peer.resume();
    for (const deadline = performance.now() + 5_000; isBlocked(stream); ) {
      assert.ok(performance.now() < deadline);
      assert.ok(sender.flush(stream));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.equal(stream.slot, -1, 'the memory is for others');
    assert.ok(sendBurst());
    const whole = (number / 64) * (BURST + 64 * FRAME_HEADER_LENGTH);
    while (heard.reduce((sum, { length }) => sum + length, 0) < whole)
      await new Promise((resolve) => setTimeout(resolve, 1));
    const { frames, problem } = new Deframer().push(Buffer.concat(heard));
    assert.equal(problem, undefined);
    assert.equal(frames.length, number);
    frames.forEach(({ messageId, type, body }, index) => {
      const at = new DataView(body.buffer, body.byteOffset);
      assert.deepEqual([messageId, type, at.getUint32(0)], [index + 1, ESP_FRAME, index]);
      assert.equal(body.length, index % 64 === 63 ? SIZE - 100 : SIZE);
    });
  });

  it('says so when the peer has gone', async () => {
    peer.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(sendBurst(), false);
    assert.notEqual(sender.error, errnoValue.EAGAIN);
  });

  it('has memory for so many at a time, which is used again', () => {
    memory.giveUp(stream);
    const streams = Array.from({ length: 70 }, (_, id) => memory.open(id, -1, 0, 0, true));
    const served = streams.filter((each) => memory.claim(each));
    assert.equal(served.length, 64);
    for (const each of served) memory.giveUp(each);
    assert.ok(memory.claim(streams[69]!));
    memory.settle(streams[69]!);
    assert.equal(streams[69]!.slot, -1);
  });
});

describe('what comes on the connection of a path', () => {
  async function receiving() {
    const bench = new PacketBench();
    const { fd, peer } = await openConnection();
    const stream = new StreamMemory(bench.arena).open(1, fd, 0, 0, false);
    const take = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      bench.inbound.drainStream(stream, 1_000_000);
      return bench.inbound.streamEnd;
    };
    const close = () => {
      peer.destroy();
      closeFd(fd);
      bench.close();
    };
    return { bench, stream, peer, take, close };
  }

  function header(length: number, type = ESP_FRAME): Buffer {
    const bytes = Buffer.alloc(FRAME_HEADER_LENGTH);
    const data = new DataView(bytes.buffer, bytes.byteOffset);
    writeFrameHeader(data, 0, 1, length);
    data.setUint32(8, type);
    return bytes;
  }

  it('lets the side that was called speak', async () => {
    const { stream, peer, take, close } = await receiving();
    assert.equal(await take(), undefined);
    assert.equal(stream.mayWrite, false);
    peer.write(header(0));
    assert.equal(await take(), undefined);
    assert.equal(stream.mayWrite, true);
    close();
  });

  it('ends it at what is no frame, and when the peer ends it', async () => {
    for (const [bytes, end] of [
      [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'notUnderstood'],
      [header(70_000), 'notUnderstood'],
      [Buffer.concat([header(4), Buffer.alloc(4), Buffer.alloc(16)]), 'notUnderstood'],
    ] as const) {
      const { peer, take, close } = await receiving();
      peer.write(bytes);
      assert.equal(await take(), end);
      close();
    }
    const { peer, take, close } = await receiving();
    peer.end();
    assert.equal(await take(), 'ended');
    close();
  });

  it('changes nothing when it is not authentic, or of a type that nobody knows', async () => {
    const { bench, peer, take, close } = await receiving();
    peer.write(Buffer.concat([header(64), Buffer.alloc(64, 7), header(64, 99), Buffer.alloc(64, 7)]));
    assert.equal(await take(), undefined);
    assert.equal(bench.countOfWorker('refusedUnknownSpi'), 1);
    assert.equal(bench.path.receivedPackets + 0, 0);
    close();
  });
});
