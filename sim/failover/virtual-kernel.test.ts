import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DesiredState } from '../../src/network/desired-state.ts';
import { ipAddressOf } from '../../src/network/ip-address.ts';
import { VirtualKernel } from './virtual-kernel.ts';

function desired(carriers: readonly number[], canary?: number): DesiredState {
  const weighted = (link: number) => ({ link, weight: 1 });
  const first = canary === undefined ? undefined : { share: 0.25, carriers: [weighted(canary)] };
  return {
    tunnelDevices: [],
    filters: [],
    forwarding: true,
    links: [0, 1].map((index) => {
      const address = ipAddressOf(Uint8Array.of(192, 0, 2, index));
      const families = [{ family: 4, address, gateway: undefined, onLink: [] } as const];
      return { name: `link${index}`, index, interface: `wan${index}`, families };
    }),
    internet: {
      links: [0, 1],
      masquerade: [],
      choices: [{ family: 4, carriers: carriers.map(weighted), canary: first }],
    },
  };
}

test('a connection keeps its link and its address until it is cut off', () => {
  const kernel = new VirtualKernel();
  assert.equal(kernel.track(1, 0.5), undefined);
  kernel.apply(desired([0]));
  assert.deepEqual(kernel.track(1, 0.5), { id: 1, link: 0, address: '192.0.2.0' });
  kernel.apply(desired([1]));
  assert.equal(kernel.track(1, 0.5)?.link, 0);
  assert.equal(kernel.track(2, 0.5)?.link, 1);
  assert.deepEqual(
    kernel.cut(0).map(({ id }) => id),
    [1],
  );
  assert.equal(kernel.track(1, 0.5)?.link, 1);
});

test('new connections are spread by weight, and a share goes where the canary says', () => {
  const kernel = new VirtualKernel();
  kernel.apply(desired([0, 1]));
  assert.deepEqual(
    [0.1, 0.4, 0.6, 0.9].map((chance, id) => kernel.track(id, chance)?.link),
    [0, 0, 1, 1],
  );
  kernel.apply(desired([0], 1));
  assert.deepEqual(
    [0.1, 0.24, 0.26, 0.9].map((chance, id) => kernel.track(10 + id, chance)?.link),
    [1, 1, 0, 0],
  );
});

test('what does not stand is said', () => {
  const kernel = new VirtualKernel();
  kernel.apply(desired([0]));
  assert.deepEqual(kernel.remaining(desired([0])), []);
  assert.deepEqual(kernel.remaining(desired([1])), ['nft add rule']);
});
