/** `./run lab sweep`: removes what killed test runs left behind, and names it. */

import { sweepLeftovers } from '../lab/sweep.ts';

const removed = await sweepLeftovers();
console.log(removed.length === 0 ? 'nothing was left behind' : `removed: ${removed.join(', ')}`);
