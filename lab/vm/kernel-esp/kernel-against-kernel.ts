/**
 * Two kernels speak ESP in UDP with each other: proof that the judge is set up rightly before it judges.
 */
import assert from 'node:assert/strict';
import { Lab } from '../../lab.ts';
import { connect, Namespace } from '../../namespace.ts';
import { openKernelEnd, refusals } from './kernel-end.ts';
import { association, beforeBorder, type Family, inner, outer, ping } from './scenario.ts';

export async function kernelAgainstKernel(family: Family): Promise<void> {
  await using lab = await Lab.open('esp');
  const { left, right, length } = outer[family];
  const [leftEnd, rightEnd] = [await Namespace.create(lab, 'left'), await Namespace.create(lab, 'right')];
  await connect({ namespace: leftEnd, name: 'wan' }, { namespace: rightEnd, name: 'wan' });
  await leftEnd.addAddresses('wan', `${left}/${length}`);
  await rightEnd.addAddresses('wan', `${right}/${length}`);
  const forward = association('left to right', 0x1000_0001, beforeBorder);
  const backward = association('right to left', 0x2000_0002, 5n << 32n);
  await openKernelEnd(leftEnd, {
    interface: 'wan',
    ...{ local: left, remote: right, inner: inner.left, remoteInner: inner.right },
    ...{ send: forward, receive: backward },
  });
  await openKernelEnd(rightEnd, {
    interface: 'wan',
    ...{ local: right, remote: left, inner: inner.right, remoteInner: inner.left },
    ...{ send: backward, receive: forward },
  });
  for (const version of ['ipv4', 'ipv6'] as const) {
    await ping(leftEnd, inner.left[version], inner.right[version], 56);
    await ping(rightEnd, inner.right[version], inner.left[version], 1201);
  }
  assert.deepEqual([await refusals(leftEnd), await refusals(rightEnd)], [{}, {}]);
}
