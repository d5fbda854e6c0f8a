/** Errors that wrap others tell all of it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { failureText } from './failure-text.ts';

it('tells what an error wraps', () => {
  const cause = new Error('the cable is cut');
  const several = new AggregateError([new Error('one', { cause }), 'two'], 'several');
  const whole = new SuppressedError(new Error('removal failed'), several, 'while leaving');
  const text = 'while leaving\n  several\n    one\n      the cable is cut\n    two\n  removal failed';
  assert.equal(failureText(whole), text);
});

it('ends when errors wrap each other', () => {
  const one = new Error('one');
  one.cause = new Error('two', { cause: one });
  assert.equal(failureText(one).split('\n').length, 6);
});
