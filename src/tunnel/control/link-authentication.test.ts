import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyMessage } from '../../../test/fixtures/control-messages.ts';
import { encodeBundle } from './bundle-header.ts';
import { Deframer } from './deframer.ts';
import { type ApplicantStep, type Application, LinkApplicant } from './link-applicant.ts';
import { type ExaminerStep, LinkExaminer } from './link-examiner.ts';
import { isSameProof, type ProvenPath, proofOf } from './link-proof.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import type { LinkMessage } from './messages.ts';

const corpus = new URL('../../../test/corpus/link-authentication/strangers.txt', import.meta.url);
const ticket = new Uint8Array(16).fill(9);
const path = pathWith(1);

function pathWith(key: number, changes: Partial<ProvenPath> = {}): ProvenPath {
  const mac = (bytes: Uint8Array) =>
    new Uint8Array(createHmac('sha256', Uint8Array.of(key)).update(bytes).digest());
  return { tunnelInstance: new Uint8Array(16).fill(7), pathId: 3, mac, ...changes };
}

function applicant(changes: Partial<Application> = {}): LinkApplicant {
  return new LinkApplicant({ ...path, ticket, challenge: new Uint8Array(32).fill(1), ...changes });
}

function examiner(known: ProvenPath | undefined = path, challenge = 2): LinkExaminer<ProvenPath> {
  return new LinkExaminer({
    challenge: new Uint8Array(32).fill(challenge),
    claimOf: (asked) => (isSameProof(asked, ticket) ? known : undefined),
  });
}

function messageIn(step: ExaminerStep<ProvenPath> | ApplicantStep): LinkMessage {
  assert.ok('bytes' in step, step.kind);
  const [frame] = new Deframer().push(step.bytes).frames;
  const decoded = decodeMessage(frame!);
  assert.ok(decoded.ok);
  return decoded.message as LinkMessage;
}

/** Carries everything over until one of them is silent. @returns how it ended on each side */
function converse(one: LinkApplicant, other: LinkExaminer<ProvenPath>): [string, string] {
  let theirs = other.received(one.request());
  for (;;) {
    const ours: ApplicantStep = 'bytes' in theirs ? one.received(theirs.bytes) : { kind: 'wait' };
    if (ours.kind !== 'send') return [endOf(ours), endOf(theirs)];
    theirs = other.received(ours.bytes);
  }
}

function endOf(step: ExaminerStep<ProvenPath> | ApplicantStep): string {
  return 'reason' in step ? step.reason : step.kind;
}

describe('the two ends of a path', () => {
  it('prove themselves to each other', () => {
    assert.deepEqual(converse(applicant(), examiner()), ['proven', 'passed']);
  });

  const differences: [string, Partial<ProvenPath>][] = [
    ['key', pathWith(2)],
    ['tunnel instance', { tunnelInstance: new Uint8Array(16) }],
  ];
  for (const [what, changes] of differences) {
    it(`do not with another ${what}, and both know why`, () => {
      assert.deepEqual(converse(applicant(changes), examiner()), ['wrongAnswer', 'wrongAnswer']);
    });
  }

  it('do not know each other by a ticket of another session, or of another path', () => {
    for (const changes of [{ ticket: new Uint8Array(16) }, { pathId: 4 }])
      assert.deepEqual(converse(applicant(changes), examiner()), ['unknownPath', 'unknownPath']);
  });

  it('do not when the path goes between challenge and answer', () => {
    let known: ProvenPath | undefined = path;
    const other = new LinkExaminer({ challenge: new Uint8Array(32), claimOf: () => known });
    const one = applicant();
    const challenge = other.received(one.request());
    known = undefined;
    assert.ok('bytes' in challenge);
    const response = one.received(challenge.bytes);
    assert.ok('bytes' in response);
    assert.equal(endOf(other.received(response.bytes)), 'unknownPath');
  });

  it('agree whatever divides their bytes', () => {
    const one = applicant();
    const other = examiner();
    const drip = <Step extends { kind: string }>(
      to: { received(bytes: Uint8Array): Step },
      bytes: Uint8Array,
    ) => [...bytes].map((byte) => to.received(Uint8Array.of(byte))).at(-1)!;
    const challenge = drip(other, one.request());
    assert.ok('bytes' in challenge);
    const response = drip(one, challenge.bytes as Uint8Array);
    assert.ok('bytes' in response);
    const result = drip(other, response.bytes as Uint8Array);
    assert.ok('bytes' in result);
    assert.equal(drip(one, result.bytes as Uint8Array).kind, 'proven');
  });
});

describe('a proof', () => {
  const challenges = { initiator: new Uint8Array(32).fill(1), responder: new Uint8Array(32).fill(2) };

  it('is another one for everything that it is made of', () => {
    const proofs = [
      proofOf('initiator', path, challenges),
      proofOf('responder', path, challenges),
      proofOf('initiator', pathWith(2), challenges),
      proofOf('initiator', { ...path, pathId: 4 }, challenges),
      proofOf('initiator', { ...path, tunnelInstance: new Uint8Array(16) }, challenges),
      proofOf('initiator', path, { ...challenges, initiator: new Uint8Array(32) }),
      proofOf('initiator', path, { ...challenges, responder: new Uint8Array(32) }),
      // With the challenges exchanged, as somebody would who sends back what he was sent.
      proofOf('responder', path, { initiator: challenges.responder, responder: challenges.initiator }),
    ];
    assert.equal(new Set(proofs.map((proof) => proof.toHex())).size, proofs.length);
  });

  it('is compared as a whole', () => {
    const proof = proofOf('initiator', path, challenges);
    assert.ok(isSameProof(proof, proof.slice()));
    for (let index = 0; index < proof.length; index++) {
      const altered = proof.slice();
      altered[index]! ^= 1;
      assert.ok(!isSameProof(proof, altered));
    }
    assert.ok(!isSameProof(proof, proof.subarray(1)));
    assert.ok(!isSameProof(proof.subarray(0, 31), proof));
  });
});

describe('an examiner', () => {
  for (const line of readFileSync(corpus, 'utf8').split('\n')) {
    const entry = /^(\w+):(.*)$/.exec(line);
    if (entry === null) continue;
    it(`answers the stranger "${line.slice(0, 70)}" as written there`, () => {
      const other = examiner();
      const chunks = entry[2]!.split('|').map((hex) => Uint8Array.fromHex(hex.replaceAll(' ', '')));
      const last = chunks.map((chunk) => other.received(chunk)).at(-1)!;
      assert.equal(last.kind === 'send' ? 'challenge' : endOf(last), entry[1]);
    });
  }

  /** Request and right answer, and where the exchange stands after the request. */
  function asked() {
    const one = applicant();
    const other = examiner();
    const request = one.request();
    const challenge = other.received(request);
    assert.ok(challenge.kind === 'send');
    const response = one.received(challenge.bytes);
    assert.ok(response.kind === 'send');
    return { other, request, response: response.bytes };
  }

  it('refuses an answer that was right for another challenge', () => {
    const { response } = asked();
    const other = examiner(path, 5);
    other.received(applicant().request());
    assert.deepEqual(messageIn(other.received(response)), {
      type: 'linkAuthenticateResult',
      result: 'wrongAnswer',
    });
  });

  it('refuses an answer that comes too late, and hears nothing more', () => {
    const { other, response } = asked();
    assert.deepEqual(messageIn(other.expire()), { type: 'linkAuthenticateResult', result: 'tooLate' });
    assert.equal(other.received(response).kind, 'wait');
    assert.equal(other.expire().kind, 'wait');
  });

  it('takes one answer: a second one is not heard, whether the first was right or wrong', () => {
    const { other, response } = asked();
    assert.equal(other.received(response).kind, 'passed');
    assert.equal(other.received(response).kind, 'wait');
    const wrong = asked();
    const forged = encodeMessage(2, { type: 'linkAuthenticateResponse', proof: new Uint8Array(32) });
    assert.equal(endOf(wrong.other.received(forged)), 'wrongAnswer');
    assert.equal(wrong.other.received(wrong.response).kind, 'wait');
  });

  it('refuses what is sent before it is asked for, behind it, or by the wrong number', () => {
    const { request, response } = asked();
    const renumbered = request.slice();
    renumbered[7] = 2;
    const streams = [
      response,
      renumbered,
      Uint8Array.of(...request, ...response),
      Uint8Array.of(...request, 0x42),
    ];
    for (const bytes of streams) assert.equal(endOf(examiner().received(bytes)), 'malformed');
    const again = asked();
    assert.equal(endOf(again.other.received(again.request)), 'malformed');
  });

  it('refuses messages of a session, unknown types and lengths that lie', () => {
    const streams = [
      encodeMessage(1, { type: 'keepalive' }),
      encodeMessage(1, { type: 'linkDrop', pathId: 3, reason: 'linkDown' }),
      encodeBundle(1, 999, new Uint8Array()),
      encodeBundle(1, 10, new Uint8Array(240)),
      encodeBundle(1, 10, new Uint8Array(300)),
      Uint8Array.fromHex('42535459000000010000000a00000101'),
      Uint8Array.fromHex('42535459000000010000000a0000000f'),
      Uint8Array.from('GET / HTTP/1.1\r\n\r\n', (letter) => letter.charCodeAt(0)),
    ];
    for (const bytes of streams)
      assert.deepEqual(messageIn(examiner().received(bytes)), {
        type: 'linkAuthenticateResult',
        result: 'malformed',
      });
  });

  it('lets nobody pass who does not have the key, whatever he sends', () => {
    const attempt = fc.array(
      fc.oneof(
        anyMessage.map((message) => encodeMessage(1, message)),
        anyMessage.map((message) => encodeMessage(2, message)),
        fc.constant(applicant().request()),
        fc.uint8Array({ maxLength: 400 }),
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(attempt, (chunks) => {
        const other = examiner();
        const steps = chunks.map((bytes) => other.received(bytes));
        assert.ok(steps.every(({ kind }) => kind !== 'passed'));
        assert.ok(steps.filter(({ kind }) => kind === 'refused').length <= 1);
        const [last] = [other.expire()];
        assert.ok(last.kind === 'wait' || last.kind === 'refused');
      }),
      { numRuns: 500 },
    );
  });
});

describe('an applicant', () => {
  it('knows a responder that has not the key, though it lets him in', () => {
    const one = applicant();
    const challenge = encodeMessage(1, {
      type: 'linkAuthenticateChallenge',
      challenge: new Uint8Array(32),
    });
    const response = messageIn(one.received(challenge));
    assert.ok(response.type === 'linkAuthenticateResponse');
    // He sends back what he was sent.
    const result = { type: 'linkAuthenticateResult', result: 'ok', proof: response.proof } as const;
    assert.equal(endOf(one.received(encodeMessage(2, result))), 'wrongAnswer');
  });

  it('is told the reason of a refusal, in every state', () => {
    for (const result of ['unspecified', 'unknownPath', 'wrongAnswer', 'tooLate', 'malformed'] as const) {
      const message = { type: 'linkAuthenticateResult', result } as const;
      assert.equal(endOf(applicant().received(encodeMessage(1, message))), result);
      const answering = applicant();
      answering.received(
        encodeMessage(1, { type: 'linkAuthenticateChallenge', challenge: new Uint8Array(32) }),
      );
      assert.equal(endOf(answering.received(encodeMessage(2, message))), result);
    }
  });

  it('does not take for a wrong answer what is none: a page, an alert of TLS, permission without a challenge', () => {
    const challenge = encodeMessage(1, { type: 'linkAuthenticateChallenge', challenge: new Uint8Array(32) });
    const permission = {
      type: 'linkAuthenticateResult',
      result: 'ok',
      proof: new Uint8Array(32),
    } as const;
    const answers = [
      Uint8Array.from('HTTP/1.1 400 Bad Request\r\n\r\n', (letter) => letter.charCodeAt(0)),
      Uint8Array.fromHex('15030100020246'),
      new Uint8Array(5000),
      encodeMessage(1, permission),
      encodeMessage(2, permission),
      encodeMessage(1, { type: 'keepalive' }),
      // The responder waits for the answer after each of its messages.
      Uint8Array.of(...challenge, 0x42),
      Uint8Array.of(...challenge, ...challenge),
    ];
    for (const bytes of answers) {
      const step = applicant().received(bytes);
      // An alert is shorter than a header: more of it, or the end, has to come.
      assert.ok(endOf(step) === 'notUnderstood' || (bytes.length < 16 && step.kind === 'wait'));
    }
  });

  it('never throws, and answers nothing after its end', () => {
    const chunk = fc.oneof(
      anyMessage.map((message) => encodeMessage(1, message)),
      anyMessage.map((message) => encodeMessage(2, message)),
      fc.uint8Array({ maxLength: 400 }),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 5 }), (chunks) => {
        const one = applicant();
        const kinds = chunks.map((bytes) => one.received(bytes).kind);
        assert.ok(!kinds.includes('proven'));
        const end = kinds.indexOf('failed');
        if (end >= 0) assert.ok(kinds.slice(end + 1).every((kind) => kind === 'wait'));
      }),
      { numRuns: 500 },
    );
  });
});
