using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed unsafe class InterruptTableTests
{
    private const uint Line = 11;
    private void* _store;
    private Thread* _threads;
    private InterruptTable _table;

    [SetUp]
    public void CreateTable()
    {
        _store = NativeMemory.AllocZeroed((nuint)InterruptTable.StoreBytes);
        _threads = (Thread*)NativeMemory.AllocZeroed(4, (nuint)sizeof(Thread));
        _table = default;
        _table.Initialize(_store);
    }

    [TearDown]
    public void FreeTable()
    {
        NativeMemory.Free(_store);
        NativeMemory.Free(_threads);
    }

    [Test]
    public void Messages_have_vectors_of_their_own_until_none_is_left()
    {
        var vectors = new System.Collections.Generic.HashSet<uint>();
        long slot = Allocate();
        while (slot >= 0)
        {
            Assert.That(vectors.Add(Slot(slot)->Vector), Is.True);
            slot = Allocate();
        }

        Assert.That(slot, Is.EqualTo(-ErrorNumber.NoSpace));
        Assert.That(vectors, Has.Count.EqualTo(0xA0));
        Assert.That(vectors, Is.All.InRange(0x50u, 0xEFu));
    }

    [Test]
    public void A_message_that_came_before_the_wait_is_not_lost()
    {
        long slot = Allocate();
        Assert.That(_table.OnMessage(Slot(slot)->Vector, out bool isHeld) == null, Is.True);
        Assert.That(isHeld, Is.True);

        Assert.That(_table.Wait((ulong)slot, 0, true, &_threads[0], out _), Is.EqualTo(1));
        Assert.That(_table.Wait((ulong)slot, 1, true, &_threads[0], out _), Is.Zero);
        Assert.That(_table.OnMessage(Slot(slot)->Vector, out _) == &_threads[0], Is.True);
        Assert.That(_threads[0].Registers.Rax, Is.EqualTo(2));
    }

    [Test]
    public void A_message_that_nobody_holds_is_told_apart()
    {
        Assert.That(_table.OnMessage(0x60, out bool isHeld) == null, Is.True);
        Assert.That(isHeld, Is.False);
    }

    [Test]
    public void A_line_is_unmasked_only_when_every_holder_waits()
    {
        ulong first = Attach();
        ulong second = Attach();
        Assert.That(Wait(first, 0, false, 0), Is.EqualTo(LineAction.None));
        Assert.That(Wait(second, 0, false, 1), Is.EqualTo(LineAction.Unmask));

        int woken = Interrupt();
        Assert.That(woken, Is.EqualTo(2));
        Assert.That(Wait(first, 1, true, 0), Is.EqualTo(LineAction.None));
        Assert.That(Wait(second, 1, false, 1), Is.EqualTo(LineAction.Unmask));
    }

    [Test]
    public void A_line_that_nobody_claims_is_abandoned_after_a_bounded_count()
    {
        ulong slot = Attach();
        LineAction action = Wait(slot, 0, false, 0);
        ulong count = 0;
        while (action == LineAction.Unmask)
        {
            Interrupt();
            count++;
            Assert.That(count, Is.LessThanOrEqualTo(InterruptTable.UnclaimedLimit));
            action = Wait(slot, count, false, 0);
        }

        Assert.That(action, Is.EqualTo(LineAction.Abandon));
        Assert.That(count, Is.EqualTo(InterruptTable.UnclaimedLimit));
        Assert.That(_table.Line(Line)->IsAbandoned, Is.True);
    }

    [Test]
    public void One_claim_in_between_starts_the_count_anew()
    {
        ulong slot = Attach();
        Wait(slot, 0, false, 0);
        for (ulong count = 1; count < 3 * InterruptTable.UnclaimedLimit; count++)
        {
            Interrupt();
            Assert.That(Wait(slot, count, count % 500 == 0, 0), Is.EqualTo(LineAction.Unmask));
        }
    }

    [Test]
    public void Release_of_the_holder_that_held_things_up_lets_the_line_go_on()
    {
        ulong first = Attach();
        ulong second = Attach();
        Wait(first, 0, false, 0);
        Assert.That(_table.Release(second, out Thread* waiter, out LineAction action), Is.True);
        Assert.That(waiter == null, Is.True);
        Assert.That(action, Is.EqualTo(LineAction.Unmask));
        Assert.That(_table.Release(second, out _, out _), Is.False);
    }

    [Test]
    public void A_handle_that_was_given_back_stays_invalid_when_its_slot_is_used_again()
    {
        long old = Allocate();
        _table.Release((ulong)old, out _, out _);
        long current = Allocate();

        Assert.That(Slot(current)->Vector, Is.EqualTo(0x50));
        Assert.That(current, Is.Not.EqualTo(old));
        Assert.That(_table.Wait((ulong)old, 0, true, &_threads[0], out _), Is.EqualTo(-ErrorNumber.Cancelled));
        Assert.That(_table.Wait((ulong)current, 0, true, &_threads[0], out _), Is.Zero);
    }

    [TestCase(0u)]
    [TestCase(2u)]
    [TestCase(16u)]
    [TestCase(0xFFu)]
    public void A_line_that_does_not_exist_cannot_be_attached(uint line)
    {
        byte name = 0;
        Assert.That(_table.AttachLine(line, &name), Is.EqualTo(-ErrorNumber.NoDevice));
    }

    [Test]
    public void Waiting_for_what_nobody_holds_is_an_error()
    {
        Assert.That(_table.Wait(3, 0, true, &_threads[0], out _), Is.EqualTo(-ErrorNumber.Cancelled));
        Assert.That(_table.Wait(ulong.MaxValue, 0, true, &_threads[0], out _), Is.EqualTo(-ErrorNumber.Cancelled));
    }

    [Test]
    public void A_name_that_is_too_long_is_cut()
    {
        fixed (byte* name = new byte[64])
        {
            new System.Span<byte>(name, 60).Fill((byte)'x');
            long slot = _table.AllocateMessage(name);
            Assert.That(Slot(slot)->Name[InterruptInfo.NameLength - 2], Is.EqualTo((byte)'x'));
            Assert.That(Slot(slot)->Name[InterruptInfo.NameLength - 1], Is.Zero);
        }
    }

    private InterruptSlot* Slot(long handle) => _table.Find((ulong)handle);

    private long Allocate()
    {
        byte name = 0;
        return _table.AllocateMessage(&name);
    }

    private ulong Attach()
    {
        byte name = 0;
        return (ulong)_table.AttachLine(Line, &name);
    }

    private LineAction Wait(ulong slot, ulong seen, bool claimed, int thread)
    {
        Assert.That(_table.Wait(slot, seen, claimed, &_threads[thread], out LineAction action), Is.Zero);
        return action;
    }

    private int Interrupt()
    {
        _table.OnLine(Line);
        int woken = 0;
        int position = 0;
        while (_table.NextOnLine(Line, ref position) != null)
        {
            woken++;
        }

        return woken;
    }
}
