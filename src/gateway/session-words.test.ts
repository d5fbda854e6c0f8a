import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DialResult, RefusalReason } from '../linux/control-channel.ts';
import { closeReason, dropReason, linkAddResult, openResult } from '../tunnel/control/messages.ts';
import type { RunEnd } from './session-runner.ts';
import {
  describeDialFailure,
  describeEnd,
  describeLinkFailure,
  describeNote,
  describePathEnd,
  describeRefusal,
  describeStranger,
  describeUnmet,
  type PathEnd,
} from './session-words.ts';

const fingerprint = `SHA256:${'A'.repeat(43)}`;

function failure(kind: string, reason: string): Extract<DialResult, { ok: false }> {
  return { ok: false, kind, code: 'X', reason } as Extract<DialResult, { ok: false }>;
}

describe('the words for a session', () => {
  it('are a whole sentence for every end there is', () => {
    const ends: RunEnd[] = [
      ...(Object.keys(closeReason) as (keyof typeof closeReason)[]).flatMap((reason): RunEnd[] => [
        { kind: 'closedByPeer', reason },
        { kind: 'closedHere', reason },
      ]),
      ...(Object.keys(openResult) as (keyof typeof openResult)[])
        .filter((result) => result !== 'ok')
        .flatMap((result): RunEnd[] => [
          { kind: 'refusedByPeer', result },
          { kind: 'refusedHere', result },
        ]),
      { kind: 'noReply', to: 'keepalive' },
      { kind: 'noRequest' },
      { kind: 'connectionLost' },
      { kind: 'failedHere', error: 'Error: test' },
      { kind: 'protocolError', error: { kind: 'badHeader', problem: 'length' } as never },
      { kind: 'protocolError', error: { kind: 'staleMessageId', messageId: 3 } },
      { kind: 'protocolError', error: { kind: 'outOfOrder', message: 'linkList' } },
      { kind: 'protocolError', error: { kind: 'badAgreement', field: 'innerMtu' } },
    ];
    for (const end of ends) {
      for (const words of [describeEnd(end), describeRefusal(end, fingerprint)]) {
        assert.match(words, /^[A-Z].*\.$/, JSON.stringify(end));
        assert.doesNotMatch(words, /undefined/);
      }
    }
  });

  it('tell the operator what to configure', () => {
    const unknown = describeRefusal({ kind: 'closedByPeer', reason: 'unknownPeer' }, fingerprint);
    assert.ok(unknown.includes(`peer.fingerprint: ${fingerprint}`), unknown);
    assert.match(
      describeRefusal({ kind: 'refusedByPeer', result: 'notResponder' }, fingerprint),
      /peer\.addresses/,
    );
    assert.match(
      describeDialFailure(failure('refused', 'Nothing listens.')),
      /^Nothing listens\. .*peer\.addresses/,
    );
    assert.match(
      describeDialFailure(failure('wrongKey', 'Another key.')),
      /^Another key\. .*peer\.fingerprint/,
    );
    assert.equal(describeDialFailure(failure('timeout', 'No answer.')), 'No answer.');
    assert.match(
      describeStranger({ reason: 'unknownKey', code: undefined }, fingerprint),
      /peer\.fingerprint/,
    );
    const broken = describeStranger({ reason: 'handshakeFailed', code: 'ECONNRESET' }, fingerprint);
    assert.ok(broken.includes(`peer.fingerprint: ${fingerprint}`), broken);
    assert.ok(describeUnmet(fingerprint).includes(`peer.fingerprint: ${fingerprint}`));
  });

  it('are there for every reason of a refusal and of the end of a path', () => {
    const strangers: RefusalReason[] = ['tooManyPending', 'handshakeTimeout', 'noCertificate', 'resumed'];
    for (const reason of strangers)
      assert.ok(describeStranger({ reason, code: 'X' }, fingerprint).length > 10);
    const ends = [...Object.keys(dropReason), ...Object.keys(linkAddResult), 'noReply'].filter(
      (it) => it !== 'ok',
    );
    for (const reason of ends) assert.match(describePathEnd(reason as PathEnd), /^[A-Z].*\.$/, reason);
  });

  it('say what becomes of a path without a connection of its own', () => {
    assert.equal(
      describeLinkFailure({ reason: 'noConnection', code: 'ECONNREFUSED' }),
      'no connection could be made (ECONNREFUSED); it works by UDP alone',
    );
    assert.match(describeLinkFailure({ reason: 'wrongAnswer', code: undefined }), /; the path is dropped$/);
  });

  it('name what is noted', () => {
    assert.match(describeNote({ kind: 'unknownMessage', messageType: 77 }), /77/);
    assert.match(describeNote({ kind: 'unknownPath', pathId: 5 }), /path 5/);
    assert.match(describeNote({ kind: 'replyToNothing', message: 'linkAddReply', messageId: 9 }), /id 9/);
    assert.match(describeNote({ kind: 'furtherNotesLeftOut' }), /left out/);
  });
});
