using System;
using System.Text;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>Messages to the local APIC and lines, each with a driver thread of its own.</summary>
internal sealed unsafe class LibOsInterruptController : InterruptController
{
    // Of the 160 messages, the first devices take as many as they like; one each is left for over a hundred more.
    private const byte PlentyOfMessages = 32;

    private readonly bool _hasMessages;
    private volatile byte _lastMessage;

    /// <summary>Creates the controller.</summary>
    /// <param name="hasMessages">Whether there is a local APIC.</param>
    public LibOsInterruptController(bool hasMessages)
    {
        _hasMessages = hasMessages;
    }

    /// <inheritdoc/>
    public override bool HasMessages => _hasMessages;

    /// <inheritdoc/>
    /// <remarks>LibOS gives the lowest slot that is free, so the last one tells about how many are held.</remarks>
    public override bool IsShortOfMessages => _lastMessage >= PlentyOfMessages - 1;

    /// <inheritdoc/>
    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler)
    {
        byte* text = stackalloc byte[InterruptInfo.NameLength];
        CopyName(name, text, InterruptInfo.NameLength);
        MessageGrant grant;
        if (LibOsError.IsError(LibOsCalls.AllocateMessage(text, &grant)))
        {
            return null;
        }

        _lastMessage = SlotOf(grant.Handle);
        return new LibOsMessageInterrupt(grant, DriverThread.Start(grant.Handle, name, handler));
    }

    /// <inheritdoc/>
    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler) =>
        Attach(line, name, handler, 0);

    /// <inheritdoc/>
    public override LineInterrupt? AttachEdgeLine(byte line, string name, InterruptHandler handler) =>
        Attach(line, name, handler, 1);

    /// <summary>Copies a name as LibOS takes it: cut where it is too long, ended by a zero.</summary>
    internal static void CopyName(string name, byte* destination, int capacity)
    {
        Encoding.ASCII.TryGetBytes(
            name.AsSpan(0, Math.Min(name.Length, capacity - 1)),
            new Span<byte>(destination, capacity - 1),
            out int written);
        destination[written] = 0;
    }

    // The low bits of a handle are its slot.
    private static byte SlotOf(ulong handle) => (byte)handle;

    private static LibOsLineInterrupt? Attach(byte line, string name, InterruptHandler handler, ulong isBoard)
    {
        byte* text = stackalloc byte[InterruptInfo.NameLength];
        CopyName(name, text, InterruptInfo.NameLength);
        long handle = LibOsCalls.AttachLine(line, text, isBoard);
        if (LibOsError.IsError(handle))
        {
            return null;
        }

        InterruptInfo share;
        LibOsError.ThrowIfError(
            LibOsCalls.GetInterruptInfo(SlotOf((ulong)handle), &share), "libos_interrupt_info");
        return new LibOsLineInterrupt(
            line, DriverThread.Start((ulong)handle, name, handler), isPolled: share.IsPolled != 0);
    }
}

/// <summary>A vector of the local APIC that a device writes to.</summary>
internal sealed class LibOsMessageInterrupt : MessageInterrupt
{
    private readonly DriverThread _thread;
    private readonly MessageClaimant _claimant;
    private readonly ulong _handle;

    /// <summary>Describes what LibOS has set aside.</summary>
    public unsafe LibOsMessageInterrupt(MessageGrant grant, DriverThread thread)
        : base(grant.Address, grant.Data)
    {
        _thread = thread;
        _handle = grant.Handle;
        _claimant = new MessageClaimant(grant.Claim, grant.Handle);
    }

    /// <inheritdoc/>
    public override ulong Count => _thread.Count;

    /// <inheritdoc/>
    public override bool TryClaim() => _claimant.TryClaim();

    /// <inheritdoc/>
    public override ClaimedWait WaitClaimed(ulong nanoseconds) => _claimant.Wait(nanoseconds);

    /// <inheritdoc/>
    public override bool EndClaim() => _claimant.End();

    /// <inheritdoc/>
    public override void HandOver() => LibOsCalls.HandOverInterrupt(_handle);

    /// <inheritdoc/>
    public override void WakeClaimant() => _claimant.Wake();

    /// <inheritdoc/>
    public override void Release() => _thread.Release();
}

/// <summary>
/// The program's side of <see cref="MessageClaim"/>, which explains it. The handle changes with each holder of a
/// message, so what is left of a claim after the release does nothing to the next holder's.
/// </summary>
internal sealed unsafe class MessageClaimant
{
    private readonly MessageClaim* _claim;
    private readonly ulong _free;
    private readonly ulong _claimed;
    private uint _seen;

    /// <summary>Covers a message.</summary>
    /// <param name="claim">What its holder and LibOS share.</param>
    /// <param name="handle">What LibOS calls it.</param>
    public MessageClaimant(MessageClaim* claim, ulong handle)
    {
        _claim = claim;
        _free = MessageClaim.Free(handle);
        _claimed = MessageClaim.Claimed(handle);
    }

    /// <summary>Begins a claim, unless another thread has one or the message was given back.</summary>
    public bool TryClaim()
    {
        uint arrivals = Volatile.Read(ref _claim->Arrivals);
        if (Interlocked.CompareExchange(ref _claim->Owner, _claimed, _free) != _free)
        {
            return false;
        }

        _seen = arrivals;
        return true;
    }

    /// <summary>Waits for an interrupt that has not been waited for.</summary>
    public ClaimedWait Wait(ulong nanoseconds)
    {
        uint arrivals = Volatile.Read(ref _claim->Arrivals);
        if (arrivals == _seen)
        {
            WakeSignal.WaitAt(&_claim->Arrivals, arrivals, nanoseconds);
            arrivals = Volatile.Read(ref _claim->Arrivals);
        }

        if (Volatile.Read(ref _claim->Owner) != _claimed)
        {
            return ClaimedWait.Released;
        }

        bool hasArrived = arrivals != _seen;
        _seen = arrivals;
        return hasArrived ? ClaimedWait.Arrived : ClaimedWait.TimedOut;
    }

    /// <summary>Ends the claim.</summary>
    /// <returns>Whether an interrupt has come that was not waited for.</returns>
    public bool End()
    {
        // A full barrier: the look comes after it.
        Interlocked.CompareExchange(ref _claim->Owner, _free, _claimed);
        return Volatile.Read(ref _claim->Arrivals) != _seen;
    }

    /// <summary>Ends a claimant's wait as an interrupt would.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref _claim->Owner) == _claimed)
        {
            Interlocked.Increment(ref _claim->Arrivals);
            WakeSignal.WakeAt(&_claim->Arrivals);
        }
    }
}

/// <summary>A share in a line.</summary>
internal sealed class LibOsLineInterrupt : LineInterrupt
{
    private readonly DriverThread _thread;

    /// <summary>Describes the share.</summary>
    public LibOsLineInterrupt(byte line, DriverThread thread, bool isPolled)
        : base(line)
    {
        _thread = thread;
        IsPolled = isPolled;
    }

    /// <inheritdoc/>
    public override bool IsPolled { get; }

    /// <inheritdoc/>
    public override ulong Count => _thread.Count;

    /// <inheritdoc/>
    public override void Release() => _thread.Release();
}
