/** Runs on the thread of `tun-probe.ts`: makes a device in a namespace of its own and says what the kernel agreed to. */
import { parentPort } from 'node:worker_threads';
import { enterPrivateNetwork } from '../private-network.ts';
import { openTun, removeTun } from '../tun.ts';

enterPrivateNetwork();
const device = openTun('bs-probe');
removeTun(device);
parentPort?.postMessage({ udp: device.udpOffload });
