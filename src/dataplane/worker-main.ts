/** Entry of the worker thread: takes over what `worker-handle` made and runs until told to stop. */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { BackstayError } from '../errors.ts';
import { keepLittleFreeMemory } from '../linux/free-memory.ts';
import { raiseThreadPriority } from '../linux/thread-priority.ts';
import { WakeEvent } from '../linux/wake-event.ts';
import { compileEarly } from './early-compiler.ts';
import { PacketWorker, type WorkerLine } from './packet-worker.ts';
import type { WorkerCommand, WorkerEvent } from './protocol.ts';
import { prove, rehearse } from './rehearsal.ts';

export type WorkerData = {
  readonly port: MessagePort;
  readonly wakeFd: number;
  readonly counters: SharedArrayBuffer;
  readonly quickStart: boolean;
};

const { port, wakeFd, counters, quickStart } = workerData as WorkerData;
try {
  if (quickStart) {
    prove();
  } else {
    compileEarly();
    rehearse();
  }
  keepLittleFreeMemory();
  // A device drops what is not fetched within some milliseconds. Where it is not allowed packets wait for their turn like everybody.
  raiseThreadPriority();
  const line: WorkerLine = {
    receive: () => receiveMessageOnPort(port)?.message as WorkerCommand | undefined,
    tell: (event) => port.postMessage(event),
  };
  new PacketWorker(line, WakeEvent.adopt(wakeFd), counters).run();
} catch (error) {
  // An error crosses threads as a plain object: its code would be lost.
  const code = error instanceof BackstayError ? error.code : 'BS_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  port.postMessage({ kind: 'failed', code, message } satisfies WorkerEvent);
}
port.close();
