using System;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// Who holds which interrupt. A trap counts and names the thread to wake; the thread serves the device and waits again,
/// telling the last count that it saw, so that no interrupt between two waits is lost.
/// </summary>
/// <remarks>
/// <para>
/// A line is shared: it stays masked from its interrupt until every holder has come back. When none of them had
/// anything to do, <see cref="UnclaimedLimit"/> times in a row, it is abandoned.
/// </para>
/// <para>
/// How a device drives its line is not always how the line's controller is set. A pulse on a level-triggered line that
/// is masked leaves no trace, nor does one on a masked input of an I/O APIC; a level that two devices hold makes one
/// edge for both. So the holders look once more whenever their line was unmasked, and again as long as one of them
/// finds something: what came before the look is seen by it, and what comes after interrupts.
/// </para>
/// <para>
/// Holders of lines also look when nothing came for a while. Where they find something three times in a row, the
/// line's interrupts do not come, whatever firmware says, and its devices are polled from then on. So are those of
/// lines that no controller brings.
/// </para>
/// </remarks>
internal unsafe struct InterruptTable
{
    /// <summary>How many slots there are: one for every message vector, then shares in lines.</summary>
    public const int Capacity = (int)Vectors.MessageCount + ShareCapacity;

    /// <summary>How many lines can be named; those that no controller brings are polled.</summary>
    public const ulong LineCapacity = 256;

    /// <summary>How often in a row a line's interrupt may go unclaimed.</summary>
    public const uint UnclaimedLimit = 1000;

    /// <summary>How many events in a row may be found without their interrupt.</summary>
    public const uint MissedLimit = 3;

    /// <summary>
    /// Stands beside the count in what <see cref="Wait"/> returns: no interrupt came, but the holder is to look at its
    /// device.
    /// </summary>
    public const ulong Look = 1ul << 62;

    /// <summary>After how many nanoseconds the holder of a line that has never interrupted looks.</summary>
    public const ulong FirstWait = 100_000_000;

    /// <summary>The same on a line that has interrupted.</summary>
    public const ulong UsualWait = 1_000_000_000;

    /// <summary>The shortest time between looks at a polled device, in nanoseconds.</summary>
    public const ulong ShortestPoll = 200_000;

    /// <summary>The longest time between looks at a polled device, in nanoseconds.</summary>
    public const ulong LongestPoll = 10_000_000;

    // A handle is a slot and its generation, in 32 bits.
    private const int SlotBits = 8;
    private const ulong SlotMask = (1 << SlotBits) - 1;
    private const uint GenerationMask = 0xFF_FFFF;

    private const int ShareCapacity = 96;
    private const int FirstShare = (int)Vectors.MessageCount;

    private InterruptSlot* _slots;
    private LineState* _lines;

    public static ulong StoreBytes =>
        ((ulong)Capacity * (ulong)sizeof(InterruptSlot)) + (LineCapacity * (ulong)sizeof(LineState));

    /// <summary>Starts with nothing held.</summary>
    /// <param name="store">Zeroed room for <see cref="StoreBytes"/>.</param>
    public void Initialize(void* store)
    {
        _slots = (InterruptSlot*)store;
        _lines = (LineState*)(_slots + Capacity);
    }

    public readonly InterruptSlot* this[int index] => &_slots[index];

    public readonly LineState* Line(uint line) => &_lines[line];

    /// <summary>Sets a message aside.</summary>
    /// <param name="name">Its holder's name, ended by a zero.</param>
    /// <returns>Its handle, or a negated error number.</returns>
    public readonly long AllocateMessage(byte* name)
    {
        for (int i = 0; i < FirstShare; i++)
        {
            if (_slots[i].Kind == InterruptKind.None)
            {
                Claim(i, InterruptKind.Message, name);
                _slots[i].Vector = (uint)Vectors.FirstMessage + (uint)i;
                _slots[i].Claim.Owner = MessageClaim.Free((ulong)HandleOf(i));
                return HandleOf(i);
            }
        }

        return -ErrorNumber.NoSpace;
    }

    /// <summary>Takes a share of a line.</summary>
    /// <param name="line">The line's number.</param>
    /// <param name="name">The holder's name, ended by a zero.</param>
    /// <param name="canInterrupt">Whether a controller brings the line's interrupts.</param>
    /// <returns>Its handle, or a negated error number.</returns>
    public readonly long AttachLine(ulong line, byte* name, bool canInterrupt)
    {
        if (line >= LineCapacity)
        {
            return -ErrorNumber.NoDevice;
        }

        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.None)
            {
                Claim(i, InterruptKind.Line, name);
                _slots[i].Line = (uint)line;
                _slots[i].Vector = canInterrupt ? (uint)(Vectors.FirstLine + line) : 0;
                _slots[i].PollInterval = ShortestPoll;
                _lines[line].Shares++;
                _lines[line].CanInterrupt = canInterrupt;
                _lines[line].IsPolled |= !canInterrupt;
                return HandleOf(i);
            }
        }

        return -ErrorNumber.NoSpace;
    }

    /// <summary>The slot that a handle names.</summary>
    /// <returns>Null when nobody holds it any more.</returns>
    public readonly InterruptSlot* Find(ulong handle)
    {
        ulong index = handle & SlotMask;
        if (index >= Capacity || _slots[index].Kind == InterruptKind.None)
        {
            return null;
        }

        return HandleOf((int)index) == (long)handle ? &_slots[index] : null;
    }

    /// <summary>Gives an interrupt back.</summary>
    /// <param name="handle">What <see cref="AllocateMessage"/> or <see cref="AttachLine"/> returned.</param>
    /// <param name="waiter">The thread that waited for it, or null; it is to be woken with an error.</param>
    /// <param name="action">What to do with its line.</param>
    /// <returns>False when nobody holds it.</returns>
    public readonly bool Release(ulong handle, out Thread* waiter, out LineAction action)
    {
        waiter = null;
        action = LineAction.None;
        InterruptSlot* released = Find(handle);
        if (released == null)
        {
            return false;
        }

        InterruptKind kind = released->Kind;
        waiter = released->Waiter;
        released->MustLook = false;
        released->Kind = InterruptKind.None;
        released->Waiter = null;
        released->Claim.Owner = 0;
        released->Claim.Arrivals++;
        if (kind == InterruptKind.Line)
        {
            _lines[released->Line].Shares--;
            action = AfterReturn(released->Line);
        }

        return true;
    }

    /// <summary>Counts a message.</summary>
    /// <param name="vector">Its vector.</param>
    /// <param name="waiter">The driver thread, if it is to be woken, or null.</param>
    /// <returns>Where a thread may wait that has claimed the message, or null where none has.</returns>
    public readonly uint* OnMessage(ulong vector, out Thread* waiter)
    {
        InterruptSlot* slot = &_slots[vector - Vectors.FirstMessage];
        waiter = null;
        if (slot->Kind != InterruptKind.Message)
        {
            return null;
        }

        slot->Claim.Arrivals++;
        if (slot->Claim.IsClaimed)
        {
            slot->Count++;
            return &slot->Claim.Arrivals;
        }

        waiter = Arrive(slot);
        return null;
    }

    /// <summary>
    /// A claim of a message has ended with an interrupt that nobody has looked for: the driver thread is to look.
    /// </summary>
    /// <returns>The thread to wake; null where it does not wait, and so finds the count changed when it will.</returns>
    public readonly Thread* HandOver(ulong handle)
    {
        InterruptSlot* held = Find(handle);
        Thread* waiter = held != null && held->Kind == InterruptKind.Message ? held->Waiter : null;
        if (waiter != null)
        {
            held->Waiter = null;
            waiter->Registers.Rax = held->Count;
        }

        return waiter;
    }

    /// <summary>Counts a line's interrupt; the line is masked from now on.</summary>
    public readonly void OnLine(uint line)
    {
        LineState* state = &_lines[line];
        state->IsUnmasked = false;
        state->IsServing = true;
        state->HasInterrupted = true;
        state->IsPolled = false;
        state->Missed = 0;
        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.Line && _slots[i].Line == line)
            {
                _slots[i].HasClaimed = false;
                _slots[i].IsTimedOut = false;
            }
        }
    }

    /// <summary>The wait of a thread for an interrupt timed out: it looks at its device.</summary>
    public readonly void OnTimeout(Thread* thread)
    {
        for (int i = FirstShare; i < Capacity; i++)
        {
            InterruptSlot* slot = &_slots[i];
            if (slot->Kind == InterruptKind.Line && slot->Waiter == thread)
            {
                // On a line that is masked because another holder has not come back, an interrupt is not missed.
                LineState* state = &_lines[slot->Line];
                slot->IsTimedOut = state->IsUnmasked && !state->IsPolled;
                slot->Waiter = null;
                thread->Registers.Rax = slot->Count | Look;
                return;
            }
        }
    }

    /// <summary>The next holder of a line to wake, counting the interrupt for each; null after the last.</summary>
    /// <param name="line">The line that interrupted.</param>
    /// <param name="position">0 at first, then as this method left it.</param>
    public readonly Thread* NextOnLine(uint line, ref int position)
    {
        while (FirstShare + position < Capacity)
        {
            InterruptSlot* slot = &_slots[FirstShare + position];
            position++;
            if (slot->Kind == InterruptKind.Line && slot->Line == line)
            {
                Thread* waiter = Arrive(slot);
                if (waiter != null)
                {
                    return waiter;
                }
            }
        }

        return null;
    }

    /// <summary>The next holder of a line to wake for a look; null after the last.</summary>
    /// <param name="line">The line.</param>
    /// <param name="position">0 at first, then as this method left it.</param>
    public readonly Thread* NextToLook(uint line, ref int position)
    {
        while (FirstShare + position < Capacity)
        {
            InterruptSlot* slot = &_slots[FirstShare + position];
            position++;
            Thread* waiter = slot->Waiter;
            if (slot->Kind == InterruptKind.Line && slot->Line == line && slot->MustLook && waiter != null)
            {
                slot->MustLook = false;
                slot->Waiter = null;
                waiter->Registers.Rax = slot->Count | Look;
                return waiter;
            }
        }

        return null;
    }

    /// <summary>A holder has served its device and wants the next interrupt.</summary>
    /// <param name="handle">What it holds.</param>
    /// <param name="seen">The count that it saw last.</param>
    /// <param name="claimed">Whether its device had asked.</param>
    /// <param name="thread">The holder's thread.</param>
    /// <param name="action">What to do with the line.</param>
    /// <returns>
    /// The count when it is already above <paramref name="seen"/>, or when the device is to be looked at (with
    /// <see cref="Look"/>); 0 to wait, for <see cref="LongestWait"/> at most; a negated error number.
    /// </returns>
    public readonly long Wait(ulong handle, ulong seen, bool claimed, Thread* thread, out LineAction action)
    {
        action = LineAction.None;
        InterruptSlot* held = Find(handle);
        if (held == null)
        {
            // Another thread has given it back: that is no mistake of the waiter.
            return -ErrorNumber.Cancelled;
        }

        if (held->Waiter != null)
        {
            return -ErrorNumber.InvalidArgument;
        }

        if (held->Kind == InterruptKind.Line)
        {
            action = AfterLook(held, claimed);
        }

        if (held->Count > seen)
        {
            held->MustLook = false;
            return (long)held->Count;
        }

        if (held->Kind == InterruptKind.Line && !held->MustLook)
        {
            held->Waiter = thread;
            action |= AfterReturn(held->Line);
        }

        if (held->MustLook)
        {
            held->MustLook = false;
            held->Waiter = null;
            return (long)(held->Count | Look);
        }

        held->Waiter = thread;
        return 0;
    }

    /// <summary>How long a holder waits at most, in nanoseconds.</summary>
    public readonly ulong LongestWait(ulong handle)
    {
        InterruptSlot* held = Find(handle);
        if (held == null || held->Kind != InterruptKind.Line)
        {
            return ulong.MaxValue;
        }

        LineState* state = &_lines[held->Line];
        return state->IsPolled || state->IsAbandoned ? held->PollInterval
            : state->HasInterrupted ? UsualWait : FirstWait;
    }

    private readonly long HandleOf(int slot) => (long)((uint)slot | (_slots[slot].Generation << SlotBits));

    private readonly void Claim(int index, InterruptKind kind, byte* name)
    {
        InterruptSlot* slot = &_slots[index];
        uint generation = slot->Generation + 1;
        uint arrivals = slot->Claim.Arrivals;
        Processor.Fill(slot, 0, (ulong)sizeof(InterruptSlot));
        slot->Generation = generation & GenerationMask;
        slot->Claim.Arrivals = arrivals;
        slot->Kind = kind;
        for (int i = 0; i < InterruptInfo.NameLength - 1 && name[i] != 0; i++)
        {
            slot->Name[i] = name[i];
        }
    }

    private static Thread* Arrive(InterruptSlot* slot)
    {
        slot->Count++;
        Thread* waiter = slot->Waiter;
        slot->Waiter = null;
        if (waiter != null)
        {
            waiter->Registers.Rax = slot->Count;
        }

        return waiter;
    }

    // Notes what a holder found.
    private readonly LineAction AfterLook(InterruptSlot* held, bool claimed)
    {
        LineState* state = &_lines[held->Line];
        bool isMissed = claimed && held->IsTimedOut;
        held->IsTimedOut = false;
        held->HasClaimed |= claimed;
        held->PollInterval = claimed ? ShortestPoll : Math.Min(held->PollInterval * 2, LongestPoll);
        if (!isMissed || ++state->Missed < MissedLimit)
        {
            return LineAction.None;
        }

        state->Missed = 0;
        state->IsPolled = true;
        return LineAction.Poll;
    }

    // When all holders of a line wait, they have looked; what follows is for all of them.
    private readonly LineAction AfterReturn(uint line)
    {
        LineState* state = &_lines[line];
        bool claimed = false;
        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.Line && _slots[i].Line == line)
            {
                if (_slots[i].Waiter == null)
                {
                    return LineAction.None;
                }

                claimed |= _slots[i].HasClaimed;
            }
        }

        if (state->Shares == 0)
        {
            return LineAction.None;
        }

        if (claimed || !state->IsServing)
        {
            state->Unclaimed = claimed ? 0 : state->Unclaimed;
        }
        else if (++state->Unclaimed >= UnclaimedLimit && !state->IsAbandoned)
        {
            state->IsServing = false;
            state->IsAbandoned = true;
            return LineAction.Abandon;
        }

        state->IsServing = false;
        bool unmask = state->CanInterrupt && !state->IsUnmasked && !state->IsAbandoned;
        state->IsUnmasked |= unmask;
        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.Line && _slots[i].Line == line)
            {
                _slots[i].HasClaimed = false;
                _slots[i].MustLook = unmask || claimed;
            }
        }

        return (unmask ? LineAction.Unmask : LineAction.None)
            | (unmask || claimed ? LineAction.Look : LineAction.None);
    }
}
