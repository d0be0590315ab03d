using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>Zeroed guest memory at a device address far from where it really is.</summary>
internal sealed unsafe class GuestRam : IDisposable
{
    public const ulong Base = 0x1_4000_0000;
    public const int Length = 4 << 20;

    private const uint Alignment = 4096;

    // Pages that nobody touches cost nothing this way, and tests make thousands of these.
    private void* _block = NativeMemory.AllocZeroed(Length + Alignment);
    private readonly byte* _bytes;

    public GuestRam()
    {
        _bytes = (byte*)(((nuint)_block + Alignment - 1) & ~(nuint)(Alignment - 1));
        Regions.Add(_bytes, Base, Length);
    }

    public RegionMemory Regions { get; } = new RegionMemory();

    public Span<byte> At(ulong address, int length) =>
        new Span<byte>(_bytes, Length).Slice(checked((int)(address - Base)), length);

    public ushort Get16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(At(address, 2));

    public uint Get32(ulong address) => BinaryPrimitives.ReadUInt32LittleEndian(At(address, 4));

    public void Put16(ulong address, int value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(At(address, 2), (ushort)value);

    public void Put32(ulong address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(At(address, 4), value);

    public void Put64(ulong address, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(At(address, 8), value);

    public void Dispose()
    {
        NativeMemory.Free(_block);
        _block = null;
    }
}
