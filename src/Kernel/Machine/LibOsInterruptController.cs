using System;
using System.Text;
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

    /// <summary>Describes what LibOS has set aside.</summary>
    public LibOsMessageInterrupt(MessageGrant grant, DriverThread thread)
        : base(grant.Address, grant.Data)
    {
        _thread = thread;
    }

    /// <inheritdoc/>
    public override ulong Count => _thread.Count;

    /// <inheritdoc/>
    public override void Release() => _thread.Release();
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
