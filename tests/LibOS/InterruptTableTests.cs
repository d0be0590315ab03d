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
    private bool _wasToldToLook;

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
        Assert.That(Send(slot) == null, Is.True);

        Assert.That(_table.Wait((ulong)slot, 0, true, &_threads[0], out _), Is.EqualTo(1));
        Assert.That(_table.Wait((ulong)slot, 1, true, &_threads[0], out _), Is.Zero);
        Assert.That(Send(slot) == &_threads[0], Is.True);
        Assert.That(_threads[0].Registers.Rax, Is.EqualTo(2));
    }

    [Test]
    public void A_message_that_nobody_holds_is_told_apart()
    {
        ulong slot = (ulong)Allocate();
        Assert.That(_table.Wait(slot, 0, true, &_threads[0], out _), Is.Zero);

        Assert.That(_table.OnMessage(Slot((long)slot)->Vector + 1, out Thread* waiter) == null, Is.True);
        Assert.That(waiter == null, Is.True);
        Assert.That(Slot((long)slot)->Count, Is.Zero);
    }

    [Test]
    public void A_line_is_unmasked_only_when_every_holder_waits_and_then_all_look_once_more()
    {
        ulong first = Attach();
        ulong second = Attach();
        Assert.That(Wait(first, 0, false, 0), Is.EqualTo(LineAction.None));
        Assert.That(Wait(second, 0, false, 1), Is.EqualTo(LineAction.Unmask | LineAction.Look));
        Assert.That(_wasToldToLook, Is.True);
        Assert.That(WakeToLook(), Is.EqualTo(1));
        Assert.That(_threads[0].Registers.Rax, Is.EqualTo(InterruptTable.Look));
        Assert.That(Wait(first, 0, false, 0), Is.EqualTo(LineAction.None));
        Assert.That(Wait(second, 0, false, 1), Is.EqualTo(LineAction.None));
        Assert.That(_wasToldToLook, Is.False);

        Assert.That(Interrupt(), Is.EqualTo(2));
        Assert.That(Wait(first, 1, true, 0), Is.EqualTo(LineAction.None));
        Assert.That(Wait(second, 1, false, 1), Is.EqualTo(LineAction.Unmask | LineAction.Look));
    }

    [Test]
    public void All_look_again_as_long_as_one_finds_something()
    {
        ulong first = Attach();
        ulong second = Attach();
        Wait(first, 0, false, 0);
        Wait(second, 0, false, 1);
        for (int round = 0; round < 5; round++)
        {
            WakeToLook();
            Wait(first, 0, round == 2, 0);
            Assert.That(Wait(second, 0, round < 4, 1), Is.EqualTo(round < 4 ? LineAction.Look : LineAction.None));
        }
    }

    [Test]
    public void A_line_that_nobody_claims_is_abandoned_after_a_bounded_count()
    {
        ulong slot = AttachAndLook();
        LineAction action = LineAction.Unmask;
        ulong count = 0;
        while ((action & LineAction.Unmask) != 0)
        {
            Interrupt();
            count++;
            Assert.That(count, Is.LessThanOrEqualTo(InterruptTable.UnclaimedLimit));
            action = Wait(slot, count, false, 0);
            if (_wasToldToLook)
            {
                Wait(slot, count, false, 0);
            }
        }

        Assert.That(action, Is.EqualTo(LineAction.Abandon));
        Assert.That(count, Is.EqualTo(InterruptTable.UnclaimedLimit));
        Assert.That(_table.Line(Line)->IsAbandoned, Is.True);
        Assert.That(_table.LongestWait(slot), Is.LessThanOrEqualTo(InterruptTable.LongestPoll), "its device is polled");
    }

    [Test]
    public void One_claim_in_between_starts_the_count_anew()
    {
        ulong slot = AttachAndLook();
        for (ulong count = 1; count < 3 * InterruptTable.UnclaimedLimit; count++)
        {
            Interrupt();
            Assert.That(Wait(slot, count, count % 500 == 0, 0), Is.EqualTo(LineAction.Unmask | LineAction.Look));
            Assert.That(Wait(slot, count, false, 0), Is.EqualTo(LineAction.None));
        }
    }

    [Test]
    public void A_look_is_not_counted_as_an_interrupt()
    {
        ulong slot = AttachAndLook();
        Interrupt();
        Wait(slot, 1, true, 0);
        Wait(slot, 1, true, 0);
        Wait(slot, 1, false, 0);
        Assert.That(_table.Find(slot)->Count, Is.EqualTo(1));
    }

    [Test]
    public void Release_of_the_holder_that_held_things_up_lets_the_line_go_on()
    {
        ulong first = Attach();
        ulong second = Attach();
        Wait(first, 0, false, 0);
        Assert.That(_table.Release(second, out Thread* waiter, out LineAction action), Is.True);
        Assert.That(waiter == null, Is.True);
        Assert.That(action, Is.EqualTo(LineAction.Unmask | LineAction.Look));
        Assert.That(WakeToLook(), Is.EqualTo(1));
        Assert.That(_table.Release(second, out _, out _), Is.False);
    }

    [Test]
    public void A_line_whose_events_are_found_without_an_interrupt_is_polled()
    {
        ulong slot = AttachAndLook();
        Assert.That(_table.LongestWait(slot), Is.EqualTo(InterruptTable.FirstWait));
        for (uint i = 1; i <= InterruptTable.MissedLimit; i++)
        {
            _table.OnTimeout(&_threads[0]);
            Assert.That(_threads[0].Registers.Rax, Is.EqualTo(InterruptTable.Look));
            LineAction action = Wait(slot, 0, true, 0);
            Assert.That(
                action,
                Is.EqualTo(i < InterruptTable.MissedLimit ? LineAction.Look : LineAction.Look | LineAction.Poll));
            Wait(slot, 0, false, 0);
        }

        Assert.That(_table.LongestWait(slot), Is.LessThanOrEqualTo(InterruptTable.LongestPoll));
        Interrupt();
        Wait(slot, 1, true, 0);
        Wait(slot, 1, false, 0);
        Assert.That(_table.LongestWait(slot), Is.EqualTo(InterruptTable.UsualWait), "it interrupts after all");
    }

    [Test]
    public void What_is_found_while_another_holder_keeps_the_line_masked_was_not_missed()
    {
        ulong first = Attach();
        ulong second = Attach();
        Wait(first, 0, false, 0);
        Wait(second, 0, false, 1);
        WakeToLook();
        Wait(first, 0, false, 0);
        Wait(second, 0, false, 1);
        Interrupt();
        Wait(first, 1, true, 0);
        for (uint i = 0; i < 2 * InterruptTable.MissedLimit; i++)
        {
            _table.OnTimeout(&_threads[0]);
            Assert.That(Wait(first, 1, true, 0), Is.EqualTo(LineAction.None));
        }

        Assert.That(_table.Line(Line)->IsPolled, Is.False);
    }

    [Test]
    public void Looks_at_a_polled_device_become_rare_while_it_has_nothing()
    {
        byte name = 0;
        var slot = (ulong)_table.AttachLine(200, &name, canInterrupt: false);
        Assert.That(_table.Line(200)->IsPolled, Is.True);
        Assert.That(Wait(slot, 0, true, 0), Is.EqualTo(LineAction.Look));
        Assert.That(_table.LongestWait(slot), Is.EqualTo(InterruptTable.ShortestPoll));
        for (int i = 0; i < 10; i++)
        {
            Wait(slot, 0, false, 0);
            _table.OnTimeout(&_threads[0]);
        }

        Assert.That(_table.LongestWait(slot), Is.EqualTo(InterruptTable.LongestPoll));
        Wait(slot, 0, true, 0);
        Assert.That(_table.LongestWait(slot), Is.EqualTo(InterruptTable.ShortestPoll));
    }

    [Test]
    public void A_message_is_waited_for_without_end()
    {
        long slot = Allocate();
        Assert.That(_table.LongestWait((ulong)slot), Is.EqualTo(ulong.MaxValue));
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

    [Test]
    public void A_line_that_cannot_be_named_cannot_be_attached()
    {
        byte name = 0;
        Assert.That(
            _table.AttachLine(InterruptTable.LineCapacity, &name, canInterrupt: true),
            Is.EqualTo(-ErrorNumber.NoDevice));
    }

    [Test]
    public void A_line_that_nothing_brings_is_never_unmasked()
    {
        byte name = 0;
        var slot = (ulong)_table.AttachLine(0, &name, canInterrupt: false);
        Assert.That(Wait(slot, 0, false, 0), Is.EqualTo(LineAction.None));
        Assert.That(_table.Line(0)->IsUnmasked, Is.False);
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

    private Thread* Send(long handle)
    {
        uint* claim = _table.OnMessage(Slot(handle)->Vector, out Thread* waiter);
        Assert.That(claim == null, Is.True, "nobody has claimed it");
        return waiter;
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
        return (ulong)_table.AttachLine(Line, &name, canInterrupt: true);
    }

    // A share alone on its line, past the look that follows the first unmasking.
    private ulong AttachAndLook()
    {
        ulong slot = Attach();
        Assert.That(Wait(slot, 0, false, 0), Is.EqualTo(LineAction.Unmask | LineAction.Look));
        Assert.That(Wait(slot, 0, false, 0), Is.EqualTo(LineAction.None));
        return slot;
    }

    private int WakeToLook()
    {
        int woken = 0;
        int position = 0;
        while (_table.NextToLook(Line, ref position) != null)
        {
            woken++;
        }

        return woken;
    }

    private LineAction Wait(ulong slot, ulong seen, bool claimed, int thread)
    {
        long result = _table.Wait(slot, seen, claimed, &_threads[thread], out LineAction action);
        _wasToldToLook = result != 0;
        Assert.That(result, Is.Zero.Or.EqualTo((long)(seen | InterruptTable.Look)));
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
