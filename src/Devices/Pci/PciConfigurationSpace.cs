using System;
using System.Buffers.Binary;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Pci;

/// <summary>
/// The configuration space of one function (PCI 3.0, 6): what it holds, which bits a guest can change, and its list of
/// capabilities.
/// </summary>
internal sealed class PciConfigurationSpace
{
    public const int Command = 0x04;
    public const ushort MemorySpace = 1 << 1;
    public const ushort BusMaster = 1 << 2;
    public const ushort InterruptDisable = 1 << 10;

    private const int Length = 0x1000;
    private const int Status = 0x06;
    private const ushort HasCapabilities = 1 << 4;
    private const byte HasInterrupt = 1 << 3;
    private const int FirstBaseAddress = 0x10;
    private const int CapabilitiesPointer = 0x34;
    private const int InterruptLine = 0x3C;
    private const int InterruptPin = 0x3D;

    private readonly byte[] _bytes = new byte[Length];
    private readonly byte[] _writable = new byte[Length];
    private readonly ulong[] _lengths = new ulong[6];
    private readonly bool[] _isWide = new bool[6];
    private int _link = CapabilitiesPointer;
    private int _free = 0x40;

    public PciConfigurationSpace(ushort deviceType, PciFunctionOptions options)
    {
        Set16(0x00, 0x1AF4);
        Set16(0x02, (ushort)(0x1040 + deviceType));
        _bytes[0x08] = options.RevisionId;
        uint kind = deviceType switch
        {
            1 => 0x020000,
            2 => 0x018000,
            _ => 0xFF0000,
        };
        _bytes[0x09] = (byte)kind;
        _bytes[0x0A] = (byte)(kind >> 8);
        _bytes[0x0B] = (byte)(kind >> 16);
        Set16(0x2C, 0x1AF4);
        Set16(0x2E, options.SubsystemId);
        Set16(Status, HasCapabilities);
        _bytes[InterruptLine] = options.InterruptLine;
        _bytes[InterruptPin] = options.InterruptPin;
        Allow16(Command, MemorySpace | BusMaster | InterruptDisable);
        _writable[InterruptLine] = 0xFF;
    }

    public bool IsMemoryEnabled => (Get16(Command) & MemorySpace) != 0;

    public bool IsBusMaster => (Get16(Command) & BusMaster) != 0;

    public bool IsPinEnabled => _bytes[InterruptPin] != 0 && (Get16(Command) & InterruptDisable) == 0;

    public static bool IsAccess(uint offset, int width) =>
        width is 1 or 2 or 4 && offset <= Length - (uint)width && offset % (uint)width == 0;

    /// <summary>
    /// Sets the read-only bit that shows a pending interrupt, be the pin enabled or not (PCI 3.0, 6.2.3).
    /// </summary>
    public void SetInterruptStatus(bool isPending) =>
        _bytes[Status] = (byte)(isPending ? _bytes[Status] | HasInterrupt : _bytes[Status] & ~HasInterrupt);

    /// <summary>Gives the function a range of memory.</summary>
    /// <param name="index">The register; a 64-bit one takes the next too.</param>
    /// <param name="length">A power of two, at least 16.</param>
    /// <param name="isWide">Whether it can be anywhere in 64 bits; then it is prefetchable too where asked.</param>
    /// <param name="isPrefetchable">Whether reads have no side effects.</param>
    public void AddBaseAddress(int index, ulong length, bool isWide, bool isPrefetchable)
    {
        int at = FirstBaseAddress + (4 * index);
        ulong mask = ~(length - 1);
        _lengths[index] = length;
        _isWide[index] = isWide;
        _bytes[at] = (byte)((isWide ? 4 : 0) | (isPrefetchable ? 8 : 0));
        BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(at), (uint)mask);
        if (isWide)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(at + 4), (uint)(mask >> 32));
        }
    }

    /// <summary>The size of what a register decodes; 0 for nothing.</summary>
    public ulong LengthOf(int index) => (uint)index < 6 ? _lengths[index] : 0;

    /// <summary>Where a register's range is, as the guest has placed it.</summary>
    public ulong AddressOf(int index)
    {
        ulong low = Get32(FirstBaseAddress + (4 * index)) & ~0xFu;
        return _isWide[index] ? low | ((ulong)Get32(FirstBaseAddress + (4 * index) + 4) << 32) : low;
    }

    /// <summary>Appends a capability to the list.</summary>
    /// <param name="capability">All of it; its link is filled in here.</param>
    /// <returns>Where it is.</returns>
    public int AddCapability(ReadOnlySpan<byte> capability)
    {
        int at = _free;
        capability.CopyTo(_bytes.AsSpan(at));
        _bytes[at + 1] = 0;
        _bytes[_link] = (byte)at;
        _link = at + 1;
        _free = (at + capability.Length + 3) & ~3;
        return _free <= 0x100 ? at : throw new InvalidOperationException("There are more capabilities than room.");
    }

    public void Allow(int offset, int count) => _writable.AsSpan(offset, count).Fill(0xFF);

    public void Allow16(int offset, int bits) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(offset), (ushort)bits);

    public uint Read(uint offset, int width)
    {
        uint value = 0;
        for (int i = width - 1; i >= 0; i--)
        {
            value = (value << 8) | _bytes[offset + i];
        }

        return value;
    }

    public void Write(uint offset, int width, uint value)
    {
        for (int i = 0; i < width; i++)
        {
            byte mask = _writable[offset + i];
            byte changed = (byte)(value >> (8 * i));
            _bytes[offset + i] = (byte)((_bytes[offset + i] & ~mask) | (changed & mask));
        }
    }

    public ushort Get16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset));

    public uint Get32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    public void Set32(int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), value);

    private void Set16(int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(offset), value);
}
