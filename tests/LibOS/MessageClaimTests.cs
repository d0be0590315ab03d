using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Tests;

/// <summary>
/// A thread waits for a device's interrupt in the driver thread's place, as <see cref="MessageClaim"/> says: every
/// order in which the thread, the driver thread, the device and its interrupts can take their steps is tried. A step is
/// one access to what they share, or one call of LibOS. Nobody's wait is limited here, so whatever is lost stays so.
/// </summary>
[TestFixture]
internal sealed unsafe class MessageClaimTests
{
    private const int Rounds = 2;

    private void* _store;
    private void* _futexStore;
    private Thread* _threads;
    private InterruptTable _table;
    private FutexTable _futexes;
    private ulong _handle;
    private InterruptSlot* _slot;
    private State _state;
    private bool _handsOver;

    private enum Step
    {
        // The driver thread.
        Wait,
        Waits,

        // The claimant.
        ReadFirst,
        Claim,
        Submit,
        Check,
        Block,
        Blocked,
        ReadAgain,
        ReadOwner,
        EndClaim,
        ReadLast,
        HandOver,

        // Both, in the queue.
        Lock,
        Hold,
        Drain,
        Enable,
        Unlock,
        Nudge,
        CountNudge,
        WakeNudged,

        End,
    }

    private Thread* Driver => &_threads[0];

    private Thread* Claimant => &_threads[1];

    [SetUp]
    public void CreateTables()
    {
        _store = NativeMemory.AllocZeroed((nuint)InterruptTable.StoreBytes);
        _futexStore = NativeMemory.AllocZeroed((nuint)FutexTable.StoreBytes);
        _threads = (Thread*)NativeMemory.AllocZeroed(2, (nuint)sizeof(Thread));
        _table = default;
        _table.Initialize(_store);
        _futexes = default;
        _futexes.Initialize(_futexStore);
        byte name = 0;
        _handle = (ulong)_table.AllocateMessage(&name);
        _slot = _table.Find(_handle);
    }

    [TearDown]
    public void FreeTables()
    {
        NativeMemory.Free(_store);
        NativeMemory.Free(_futexStore);
        NativeMemory.Free(_threads);
    }

    [Test]
    public void No_order_of_steps_loses_what_the_device_has_finished([Values] bool handsOver)
    {
        _handsOver = handsOver;
        int states = TryAll(mayRelease: false, () =>
        {
            Assert.That(_state.Claimant, Is.EqualTo(Step.End), "the claimant waits for ever");
            Assert.That(_state.Driver, Is.EqualTo(Step.Waits));
            Assert.That(_state.Used, Is.Zero, "something is left in the queue");
            Assert.That(_state.IsHeld, Is.False);
            Assert.That(_slot->Claim.Owner, Is.EqualTo(MessageClaim.Free(_handle)));
        });
        Assert.That(states, Is.GreaterThan(1000));
    }

    [Test]
    public void A_release_at_any_moment_ends_every_wait()
    {
        int states = TryAll(mayRelease: true, () =>
        {
            Assert.That(_state.Claimant, Is.EqualTo(Step.End), "the claimant waits for ever");
            Assert.That(_state.Driver, Is.EqualTo(_state.IsReleased ? Step.End : Step.Waits));
        });
        Assert.That(states, Is.GreaterThan(1000));
    }

    [Test]
    public void The_next_holder_of_a_message_is_safe_from_what_is_left_of_a_claim()
    {
        _slot->Claim.Owner = MessageClaim.Claimed(_handle);
        uint arrivals = _slot->Claim.Arrivals;
        _table.Release(_handle, out _, out _);
        byte name = 0;
        var next = (ulong)_table.AllocateMessage(&name);

        Assert.That(_table.Find(next) == _slot, Is.True);
        Assert.That(_slot->Claim.Owner, Is.EqualTo(MessageClaim.Free(next)));
        Assert.That(_slot->Claim.Owner, Is.Not.EqualTo(MessageClaim.Free(_handle)));
        Assert.That(_slot->Claim.Arrivals, Is.Not.EqualTo(arrivals));
        Assert.That(_slot->Count, Is.Zero);
        Assert.That(_table.HandOver(_handle) == null, Is.True);
    }

    // Goes from state to state in all ways; what ends where nobody can take a step is checked.
    private int TryAll(bool mayRelease, Action check)
    {
        var seen = new HashSet<(State, uint, ulong, ulong, bool)>();
        var open = new Stack<(State State, byte[] Tables)>();
        _state = new State
        {
            Driver = Step.Wait,
            Claimant = Step.ReadFirst,
            Others = 1,
            Spurious = 1,
            MayRelease = mayRelease,
        };
        open.Push((_state, Save()));
        while (open.TryPop(out (State State, byte[] Tables) from))
        {
            bool isStuck = true;
            for (int actor = 0; actor < 7; actor++)
            {
                _state = from.State;
                Load(from.Tables);
                if (!Act(actor))
                {
                    continue;
                }

                isStuck = false;
                bool isDriverInTable = _slot->Waiter != null;
                if (seen.Add((_state, _slot->Claim.Arrivals, _slot->Claim.Owner, _slot->Count, isDriverInTable)))
                {
                    open.Push((_state, Save()));
                }
            }

            if (isStuck)
            {
                _state = from.State;
                Load(from.Tables);
                check();
            }
        }

        TestContext.Out.WriteLine($"{seen.Count} states");
        return seen.Count;
    }

    private bool Act(int actor)
    {
        switch (actor)
        {
            case 0:
                return Run(ref _state.Driver, isDriver: true);
            case 1:
                return Run(ref _state.Claimant, isDriver: false);
            case 2 when _state.IsSubmitted:
                _state.IsSubmitted = false;
                _state.IsOwnUsed = true;
                Use();
                return true;
            case 3 when _state.Others > 0:
                _state.Others--;
                Use();
                return true;
            case 4 when _state.IsPending && !_state.IsReleased:
                _state.IsPending = false;
                Interrupt();
                return true;
            case 5 when _state.Spurious > 0 && !_state.IsReleased:
                _state.Spurious--;
                Interrupt();
                return true;
            case 6 when _state.MayRelease && !_state.IsReleased:
                Release();
                return true;
            default:
                return false;
        }
    }

    // The device: it interrupts unless it is told not to; what comes before the interrupt is taken is the same one.
    private void Use()
    {
        _state.Used++;
        _state.IsPending |= !_state.IsHeld;
    }

    private void Interrupt()
    {
        uint* claim = _table.OnMessage(_slot->Vector, out Thread* waiter);
        if (claim != null)
        {
            WakeAt(claim);
        }
        else if (waiter != null)
        {
            WakeDriver(waiter);
        }
    }

    private void Release()
    {
        _state.IsReleased = true;
        Assert.That(_table.Release(_handle, out Thread* waiter, out _), Is.True);
        if (waiter != null)
        {
            _state.Driver = Step.End;
        }

        WakeAt(&_slot->Claim.Arrivals);
    }

    private void WakeAt(uint* word)
    {
        if (_futexes.TakeWaiter((ulong)word, FutexTable.AnyBits) != null)
        {
            Assert.That(_state.Claimant, Is.EqualTo(Step.Blocked));
            _state.Claimant = Step.ReadAgain;
        }
    }

    private void WakeDriver(Thread* waiter)
    {
        Assert.That(waiter == Driver, Is.True);
        Assert.That(_state.Driver, Is.EqualTo(Step.Waits));
        _state.DriverSeen = waiter->Registers.Rax;
        _state.Driver = Step.Lock;
    }

    private bool Run(ref Step step, bool isDriver)
    {
        MessageClaim* claim = &_slot->Claim;
        switch (step)
        {
            case Step.Wait:
                long count = _table.Wait(_handle, _state.DriverSeen, true, Driver, out _);
                step = count == 0 ? Step.Waits : count < 0 ? Step.End : Step.Lock;
                _state.DriverSeen = count > 0 ? (ulong)count : _state.DriverSeen;
                return true;

            case Step.ReadFirst:
                _state.Seen = claim->Arrivals;
                step = Step.Claim;
                return true;
            case Step.Claim:
                bool isFree = claim->Owner == MessageClaim.Free(_handle);
                claim->Owner = isFree ? MessageClaim.Claimed(_handle) : claim->Owner;
                step = isFree ? Step.Submit : Step.End;
                return true;
            case Step.Submit:
                _state.IsSubmitted = true;
                _state.HasOwn = false;
                step = Step.Check;
                return true;
            case Step.Check:
                _state.Read = claim->Arrivals;
                step = _state.Read == _state.Seen ? Step.Block : Step.ReadOwner;
                return true;
            case Step.Block:
                bool blocks = claim->Arrivals == _state.Seen;
                step = blocks ? Step.Blocked : Step.ReadAgain;
                if (blocks)
                {
                    _futexes.Add(Claimant, (ulong)&claim->Arrivals, FutexTable.AnyBits);
                }

                return true;
            case Step.ReadAgain:
                _state.Read = claim->Arrivals;
                step = Step.ReadOwner;
                return true;
            case Step.ReadOwner:
                bool isMine = claim->Owner == MessageClaim.Claimed(_handle);
                _state.Seen = isMine ? _state.Read : _state.Seen;
                step = isMine ? Step.Lock : Step.EndClaim;
                return true;
            case Step.EndClaim:
                bool isClaimed = claim->Owner == MessageClaim.Claimed(_handle);
                claim->Owner = isClaimed ? MessageClaim.Free(_handle) : claim->Owner;
                step = Step.ReadLast;
                return true;
            case Step.ReadLast:
                bool isDue = claim->Arrivals != _state.Seen;
                _state.IsLast = true;
                step = !isDue ? NextRound() : _handsOver ? Step.HandOver : Step.Lock;
                return true;
            case Step.HandOver:
                Thread* waiter = _table.HandOver(_handle);
                step = NextRound();
                if (waiter != null)
                {
                    WakeDriver(waiter);
                }

                return true;
            default:
                return Look(ref step, isDriver);
        }
    }

    // What both do in the queue, under its lock: interrupts held, all taken, interrupts on, and a look behind.
    private bool Look(ref Step step, bool isDriver)
    {
        switch (step)
        {
            case Step.Lock when !_state.IsLocked:
                _state.IsLocked = true;
                step = Step.Hold;
                return true;
            case Step.Hold:
                _state.IsHeld = true;
                step = Step.Drain;
                return true;
            case Step.Drain:
                _state.Used = 0;
                _state.HasOwn |= _state.IsOwnUsed;
                _state.IsNudgeDue |= _state.IsOwnUsed && isDriver;
                _state.IsOwnUsed = false;
                step = Step.Enable;
                return true;
            case Step.Enable:
                _state.IsHeld = false;
                step = _state.Used != 0 ? Step.Hold : Step.Unlock;
                return true;
            case Step.Unlock:
                _state.IsLocked = false;
                step = !isDriver ? (_state.IsLast ? NextRound() : _state.HasOwn ? Step.EndClaim : Step.Check)
                    : _state.IsNudgeDue ? Step.Nudge : Step.Wait;
                return true;
            case Step.Nudge:
                _state.IsNudgeDue = false;
                step = _slot->Claim.Owner == MessageClaim.Claimed(_handle) ? Step.CountNudge : Step.Wait;
                return true;
            case Step.CountNudge:
                _slot->Claim.Arrivals++;
                step = Step.WakeNudged;
                return true;
            case Step.WakeNudged:
                step = Step.Wait;
                WakeAt(&_slot->Claim.Arrivals);
                return true;
            default:
                return false;
        }
    }

    private Step NextRound()
    {
        _state.IsLast = false;
        return ++_state.Round < Rounds && !_state.IsReleased ? Step.ReadFirst : Step.End;
    }

    private byte[] Save()
    {
        var tables = new byte[sizeof(InterruptSlot) + (int)FutexTable.StoreBytes + (2 * sizeof(Thread))];
        Span<byte> rest = tables;
        foreach (Area area in Areas())
        {
            new Span<byte>((void*)area.Start, area.Length).CopyTo(rest);
            rest = rest[area.Length..];
        }

        return tables;
    }

    private void Load(byte[] tables)
    {
        ReadOnlySpan<byte> rest = tables;
        foreach (Area area in Areas())
        {
            rest[..area.Length].CopyTo(new Span<byte>((void*)area.Start, area.Length));
            rest = rest[area.Length..];
        }
    }

    private Area[] Areas() =>
    [
        new((nint)_slot, sizeof(InterruptSlot)),
        new((nint)_futexStore, (int)FutexTable.StoreBytes),
        new((nint)_threads, 2 * sizeof(Thread)),
    ];

    private readonly record struct Area(nint Start, int Length);

    // What the program's threads and the device know, besides LibOS' tables.
    private record struct State
    {
        public Step Driver;
        public ulong DriverSeen;
        public Step Claimant;
        public uint Seen;
        public uint Read;
        public int Round;

        // Its request: at the device, in the queue, taken out.
        public bool IsSubmitted;
        public bool IsOwnUsed;
        public bool HasOwn;

        // The claimant looks because its claim ended with an interrupt unseen.
        public bool IsLast;
        public bool IsNudgeDue;
        public bool IsLocked;

        public int Used;
        public bool IsHeld;
        public bool IsPending;
        public int Others;
        public int Spurious;
        public bool MayRelease;
        public bool IsReleased;
    }
}
