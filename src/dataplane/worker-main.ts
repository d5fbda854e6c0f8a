/** Entry of the worker thread: takes over what `worker-handle` made and runs until told to stop. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { WakeEvent } from '../linux/wake-event.ts';
import { PacketWorker } from './packet-worker.ts';

export type WorkerData = {
  readonly port: MessagePort;
  readonly wakeFd: number;
  readonly counters: SharedArrayBuffer;
};

const { port, wakeFd, counters } = workerData as WorkerData;
new PacketWorker(port, WakeEvent.adopt(wakeFd), counters).run();
port.close();
