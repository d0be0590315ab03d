using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Tests;

/// <summary>
/// Waiting for another thread, and for an interrupt that a thread has claimed, in an ordinary process.
/// </summary>
[TestFixture]
internal sealed class WakeSignalTests
{
    private const ulong Handle = 0x1_03;
    private const ulong Soon = 1_000_000;
    private const ulong Long = 20_000_000_000;
    private const int Turns = 20_000;

    [Test]
    public void A_signal_stays_until_it_is_taken_and_several_are_one()
    {
        var signal = new WakeSignal();
        signal.Wake();
        signal.Wake();

        Assert.That(signal.Wait(0), Is.True);
        Assert.That(signal.Wait(0), Is.False);
        Assert.That(signal.Wait(Soon), Is.False);
        signal.Wake();
        Assert.That(signal.Wait(WakeSignal.Forever), Is.True);
    }

    [Test]
    public async Task Threads_that_take_turns_lose_no_signal()
    {
        var there = new WakeSignal();
        var back = new WakeSignal();
        int misses = 0;
        Task other = Task.Run(() =>
        {
            for (int i = 0; i < Turns; i++)
            {
                Interlocked.Add(ref misses, there.Wait(Long) ? 0 : 1);
                back.Wake();
            }
        });
        for (int i = 0; i < Turns; i++)
        {
            there.Wake();
            Interlocked.Add(ref misses, back.Wait(i % 3 == 0 ? WakeSignal.Forever : Long) ? 0 : 1);
        }

        await other;
        Assert.That(misses, Is.Zero);
    }

    [Test]
    public async Task A_wait_that_times_out_beside_a_signal_takes_it_or_leaves_it()
    {
        var signal = new WakeSignal();
        int sent = 0;
        int taken = 0;
        Task other = Task.Run(() =>
        {
            for (int i = 0; i < Turns; i++)
            {
                signal.Wake();
                Interlocked.Increment(ref sent);
                while (Volatile.Read(ref taken) < Volatile.Read(ref sent))
                {
                    Thread.Yield();
                }
            }
        });
        while (taken < Turns)
        {
            if (signal.Wait((ulong)(taken % 5) * 300))
            {
                Volatile.Write(ref taken, taken + 1);
            }
        }

        await other;
        Assert.That(signal.Wait(0), Is.False);
    }

    [Test]
    public unsafe void Only_one_thread_has_a_claim_and_none_after_the_release()
    {
        using var message = new Message();
        Assert.That(message.Claimant.TryClaim(), Is.True);
        Assert.That(message.Claimant.TryClaim(), Is.False);
        Assert.That(message.Claimant.Wait(Soon), Is.EqualTo(ClaimedWait.TimedOut));
        Assert.That(message.Claimant.End(), Is.False);

        Assert.That(message.Claimant.TryClaim(), Is.True);
        message.Give(owner: 0);
        Assert.That(message.Claimant.Wait(Long), Is.EqualTo(ClaimedWait.Released));
        message.Give(MessageClaim.Claimed(Handle + 0x100));
        message.Claimant.End();
        Assert.That(message.Claim->Owner, Is.EqualTo(MessageClaim.Claimed(Handle + 0x100)), "the next holder's claim");
        Assert.That(message.Claimant.TryClaim(), Is.False);
        message.Claimant.Wake();
        Assert.That(message.Claim->Arrivals, Is.EqualTo(2));
    }

    [Test]
    public void An_interrupt_before_the_wait_keeps_it_short_and_one_after_it_is_told_of()
    {
        using var message = new Message();
        message.Arrive();
        Assert.That(message.Claimant.TryClaim(), Is.True);
        message.Arrive();
        message.Arrive();
        Assert.That(message.Claimant.Wait(Long), Is.EqualTo(ClaimedWait.Arrived));
        Assert.That(message.Claimant.Wait(0), Is.EqualTo(ClaimedWait.TimedOut));
        message.Arrive();
        Assert.That(message.Claimant.End(), Is.True);
        message.Arrive();
        Assert.That(message.Claimant.TryClaim(), Is.True);
        Assert.That(message.Claimant.End(), Is.False, "those before the claim are the driver thread's");
    }

    [Test]
    public async Task A_claimant_is_woken_by_interrupts_and_by_other_threads()
    {
        using var message = new Message();
        Assert.That(message.Claimant.TryClaim(), Is.True);
        Task waker = Task.Run(message.Claimant.Wake);
        Assert.That(message.Claimant.Wait(Long), Is.EqualTo(ClaimedWait.Arrived));
        await waker;
        Task interrupt = Task.Run(message.Arrive);
        Assert.That(message.Claimant.Wait(Long), Is.EqualTo(ClaimedWait.Arrived));
        await interrupt;
    }

    // LibOS' side of a message that nobody waits for in the driver thread's place.
    private sealed unsafe class Message : IDisposable
    {
        public Message()
        {
            Claim = (MessageClaim*)NativeMemory.AllocZeroed((nuint)sizeof(MessageClaim));
            Claim->Owner = MessageClaim.Free(Handle);
            Claimant = new MessageClaimant(Claim, Handle);
        }

        public MessageClaim* Claim { get; }

        public MessageClaimant Claimant { get; }

        public void Arrive()
        {
            Interlocked.Increment(ref Claim->Arrivals);
            WakeSignal.WakeAt(&Claim->Arrivals);
        }

        public void Give(ulong owner)
        {
            Claim->Owner = owner;
            Arrive();
        }

        public void Dispose() => NativeMemory.Free(Claim);
    }
}
