using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// Who holds which interrupt. A trap counts and names the thread to wake; the thread serves the device and waits again,
/// telling the last count that it saw, so that no interrupt between two waits is lost.
/// </summary>
/// <remarks>
/// A line is shared: it stays masked from its interrupt until every holder has come back. When none of them had
/// anything to do, <see cref="UnclaimedLimit"/> times in a row, it is abandoned. An edge that comes while the line is
/// masked is not lost: the 8259 remembers it.
/// </remarks>
internal unsafe struct InterruptTable
{
    /// <summary>How many slots there are: one for every message vector, then shares in lines.</summary>
    public const int Capacity = (int)Vectors.MessageCount + ShareCapacity;

    /// <summary>How often in a row a line's interrupt may go unclaimed.</summary>
    public const uint UnclaimedLimit = 1000;

    // A handle is a slot and its generation, in 32 bits.
    private const int SlotBits = 8;
    private const ulong SlotMask = (1 << SlotBits) - 1;
    private const uint GenerationMask = 0xFF_FFFF;

    private const int ShareCapacity = 32;
    private const int FirstShare = (int)Vectors.MessageCount;

    private InterruptSlot* _slots;
    private LineState* _lines;

    /// <summary>The bytes of store that the table needs.</summary>
    public static ulong StoreBytes =>
        ((ulong)Capacity * (ulong)sizeof(InterruptSlot)) + (Vectors.LineCount * (ulong)sizeof(LineState));

    /// <summary>Starts with nothing held.</summary>
    /// <param name="store">Zeroed room for <see cref="StoreBytes"/>.</param>
    public void Initialize(void* store)
    {
        _slots = (InterruptSlot*)store;
        _lines = (LineState*)(_slots + Capacity);
    }

    /// <summary>A slot, held or not.</summary>
    public readonly InterruptSlot* this[int index] => &_slots[index];

    /// <summary>A line's state.</summary>
    public readonly LineState* Line(uint line) => &_lines[line];

    /// <summary>Sets a message aside.</summary>
    /// <param name="name">Who for, ended by a zero.</param>
    /// <returns>Its handle, or a negated error number.</returns>
    public readonly long AllocateMessage(byte* name)
    {
        for (int i = 0; i < FirstShare; i++)
        {
            if (_slots[i].Kind == InterruptKind.None)
            {
                Claim(i, InterruptKind.Message, name);
                _slots[i].Vector = (uint)Vectors.FirstMessage + (uint)i;
                return HandleOf(i);
            }
        }

        return -ErrorNumber.NoSpace;
    }

    /// <summary>Takes a share in a line.</summary>
    /// <param name="line">Which.</param>
    /// <param name="name">Who for, ended by a zero.</param>
    /// <param name="isEdge">Whether the line is edge-triggered; all its shares must say the same.</param>
    /// <returns>Its handle, or a negated error number.</returns>
    public readonly long AttachLine(ulong line, byte* name, bool isEdge = false)
    {
        if (line >= Vectors.LineCount || line == 0 || line == 2)
        {
            return -ErrorNumber.NoDevice;
        }

        if (_lines[line].Shares != 0 && _lines[line].IsEdge != isEdge)
        {
            return -ErrorNumber.InvalidArgument;
        }

        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.None)
            {
                Claim(i, InterruptKind.Line, name);
                _slots[i].Line = (uint)line;
                _slots[i].Vector = (uint)(Vectors.FirstLine + line);
                _lines[line].Shares++;
                _lines[line].IsEdge = isEdge;
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
    /// <param name="handle">Which.</param>
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
        released->Kind = InterruptKind.None;
        released->Waiter = null;
        if (kind == InterruptKind.Line)
        {
            _lines[released->Line].Shares--;
            action = AfterReturn(released->Line);
        }

        return true;
    }

    /// <summary>Counts a message.</summary>
    /// <returns>The thread to wake, or null; <paramref name="isHeld"/> tells whether anyone holds the vector.</returns>
    public readonly Thread* OnMessage(ulong vector, out bool isHeld)
    {
        InterruptSlot* slot = &_slots[vector - Vectors.FirstMessage];
        isHeld = slot->Kind == InterruptKind.Message;
        return isHeld ? Arrive(slot) : null;
    }

    /// <summary>Counts a line's interrupt; the line is masked from now on.</summary>
    public readonly void OnLine(uint line)
    {
        _lines[line].IsUnmasked = false;
        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.Line && _slots[i].Line == line)
            {
                _slots[i].HasClaimed = false;
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

    /// <summary>A holder has served its device and wants the next interrupt.</summary>
    /// <param name="handle">What it holds.</param>
    /// <param name="seen">The count that it saw last.</param>
    /// <param name="claimed">Whether its device had asked.</param>
    /// <param name="thread">The holder's thread.</param>
    /// <param name="action">What to do with the line.</param>
    /// <returns>
    /// The count when it is already above <paramref name="seen"/>; 0 to wait; a negated error number.
    /// </returns>
    public readonly long Wait(ulong handle, ulong seen, bool claimed, Thread* thread, out LineAction action)
    {
        action = LineAction.None;
        InterruptSlot* held = Find(handle);
        if (held == null)
        {
            // Given back by another thread since: that is no mistake of the waiter.
            return -ErrorNumber.Cancelled;
        }

        if (held->Waiter != null)
        {
            return -ErrorNumber.InvalidArgument;
        }

        held->HasClaimed |= claimed;
        if (held->Count > seen)
        {
            return (long)held->Count;
        }

        held->Waiter = thread;
        if (held->Kind == InterruptKind.Line)
        {
            action = AfterReturn(held->Line);
        }

        return 0;
    }

    private readonly long HandleOf(int slot) => (long)((uint)slot | (_slots[slot].Generation << SlotBits));

    private readonly void Claim(int index, InterruptKind kind, byte* name)
    {
        InterruptSlot* slot = &_slots[index];
        uint generation = slot->Generation + 1;
        Processor.Fill(slot, 0, (ulong)sizeof(InterruptSlot));
        slot->Generation = generation & GenerationMask;
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

    private readonly LineAction AfterReturn(uint line)
    {
        LineState* state = &_lines[line];
        if (state->Shares == 0 || state->IsAbandoned || state->IsUnmasked)
        {
            return LineAction.None;
        }

        bool claimed = false;
        bool hasArrived = false;
        for (int i = FirstShare; i < Capacity; i++)
        {
            if (_slots[i].Kind == InterruptKind.Line && _slots[i].Line == line)
            {
                if (_slots[i].Waiter == null)
                {
                    return LineAction.None;
                }

                claimed |= _slots[i].HasClaimed;
                hasArrived |= _slots[i].Count != 0;
            }
        }

        state->Unclaimed = claimed || !hasArrived ? 0 : state->Unclaimed + 1;
        if (state->Unclaimed >= UnclaimedLimit)
        {
            state->IsAbandoned = true;
            return LineAction.Abandon;
        }

        state->IsUnmasked = true;
        return LineAction.Unmask;
    }
}
