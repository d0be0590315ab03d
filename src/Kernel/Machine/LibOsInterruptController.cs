using System;
using System.Text;
using VirtioGuest.Hal;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>Messages to the local APIC and lines, each with a driver thread of its own.</summary>
internal sealed unsafe class LibOsInterruptController : InterruptController
{
    private readonly bool _hasMessages;

    /// <summary>Creates the controller.</summary>
    /// <param name="hasMessages">Whether there is a local APIC.</param>
    public LibOsInterruptController(bool hasMessages)
    {
        _hasMessages = hasMessages;
    }

    /// <inheritdoc/>
    public override bool HasMessages => _hasMessages;

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

    private static LibOsLineInterrupt? Attach(byte line, string name, InterruptHandler handler, ulong isBoard)
    {
        byte* text = stackalloc byte[InterruptInfo.NameLength];
        CopyName(name, text, InterruptInfo.NameLength);
        long handle = LibOsCalls.AttachLine(line, text, isBoard);
        if (LibOsError.IsError(handle))
        {
            return null;
        }

        // The low bits of a handle are its slot.
        InterruptInfo share;
        LibOsError.ThrowIfError(LibOsCalls.GetInterruptInfo((byte)handle, &share), "libos_interrupt_info");
        return new LibOsLineInterrupt(
            line, DriverThread.Start((ulong)handle, name, handler), isPolled: share.IsPolled != 0);
    }
}
