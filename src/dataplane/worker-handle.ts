/**
 * The main thread's hold on the packet worker.
 *
 * Contract: `send` hands a command over and wakes the worker; events arrive at `onEvent`. `released` resolves when all
 * commands before it are done, which is when descriptors that were given up may be closed. `stop` ends the thread. A
 * worker that has died takes commands and does nothing; whoever waits for it goes on.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { BackstayError } from '../errors.ts';
import { WakeEvent } from '../linux/wake-event.ts';
import { openCounters, readCounters, type WorkerCounter, workerCounters } from './counters.ts';
import type { WorkerCommand, WorkerEvent } from './protocol.ts';
import type { WorkerData } from './worker-main.ts';

export class WorkerHandle {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #wake: WakeEvent;
  readonly #counters: SharedArrayBuffer;
  readonly #waiting = new Map<number, () => void>();
  readonly #ended: Promise<void>;
  #tickets = 0;
  #dead = false;

  private constructor(worker: Worker, port: MessagePort, wake: WakeEvent, counters: SharedArrayBuffer) {
    this.#worker = worker;
    this.#port = port;
    this.#wake = wake;
    this.#counters = counters;
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#bury();
        resolve();
      });
    });
  }

  /**
   * @param onEvent every event but `ready` and `released`; @param onDeath the thread ended without being told to
   * @param quickStart whether its code stays cold
   */
  static async start(
    onEvent: (event: WorkerEvent) => void,
    onDeath: (error: BackstayError) => void,
    quickStart = false,
  ): Promise<WorkerHandle> {
    const { port1, port2 } = new MessageChannel();
    const wake = WakeEvent.open();
    const counters = openCounters(workerCounters);
    const data: WorkerData = { port: port2, wakeFd: wake.fd, counters, quickStart };
    const worker = new Worker(new URL('./worker-main.ts', import.meta.url), {
      workerData: data,
      transferList: [port2],
      name: 'packets',
    });
    const handle = new WorkerHandle(worker, port1, wake, counters);
    try {
      await handle.#listen(onEvent, onDeath);
      return handle;
    } catch (error) {
      await handle.stop();
      throw error;
    }
  }

  send(command: WorkerCommand): void {
    if (this.#dead) return;
    this.#port.postMessage(command);
    this.#wake.wake();
  }

  /** Resolves when everything sent so far is done. */
  released(): Promise<void> {
    if (this.#dead) return Promise.resolve();
    const ticket = ++this.#tickets;
    return new Promise((resolve) => {
      this.#waiting.set(ticket, resolve);
      this.send({ kind: 'release', ticket });
    });
  }

  counters(): Record<WorkerCounter, number> {
    return readCounters(workerCounters, this.#counters);
  }

  async stop(): Promise<void> {
    this.send({ kind: 'stop' });
    await this.#ended;
    this.#port.close();
    this.#wake.close();
  }

  #listen(onEvent: (event: WorkerEvent) => void, onDeath: (error: BackstayError) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const die = (error: BackstayError) => {
        this.#bury();
        reject(error);
        onDeath(error);
      };
      this.#worker.once('error', (cause) => {
        die(new BackstayError('BS_INTERNAL', `${String(cause)}.`, { place: 'packet worker', cause }));
      });
      this.#port.on('message', (event: WorkerEvent) => {
        if (event.kind === 'ready') resolve();
        else if (event.kind === 'released') this.#settle(event.ticket);
        else if (event.kind === 'failed') die(failureOf(event));
        else onEvent(event);
      });
    });
  }

  #settle(ticket: number): void {
    this.#waiting.get(ticket)?.();
    this.#waiting.delete(ticket);
  }

  #bury(): void {
    this.#dead = true;
    for (const ticket of [...this.#waiting.keys()]) this.#settle(ticket);
  }
}

function failureOf({ code, message }: Extract<WorkerEvent, { kind: 'failed' }>): BackstayError {
  return new BackstayError(code, message, { place: 'packet worker' });
}
