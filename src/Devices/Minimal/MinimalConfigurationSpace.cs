using System;
using System.Buffers.Binary;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Minimal;

/// <summary>
/// The configuration space of a <see cref="MinimalFunction"/>: 256 bytes that a guest may write wherever it likes, of
/// which the base address and the command register do something.
/// </summary>
/// <remarks>
/// The five virtio capabilities follow each other from 0x40 on, and the last one leads to a null capability. The window
/// to the structures (virtio 1.4, 4.1.4.9) is there and leads nowhere.
/// </remarks>
internal sealed class MinimalConfigurationSpace
{
    /// <summary>The size of the one base address.</summary>
    public const uint BaseAddressLength = 0x100;

    private const int Length = 0x100;
    private const int DeviceId = 0x02;
    private const int Command = 0x04;
    private const int Status = 0x06;
    private const int ClassCode = 0x08;
    private const int FirstBaseAddress = 0x10;
    private const int LastBaseAddress = 0x24;
    private const int Rom = 0x30;
    private const int CapabilitiesPointer = 0x34;
    private const int InterruptLine = 0x3C;
    private const int InterruptPin = 0x3D;
    private const int FirstCapability = 0x40;
    private const ushort MemorySpace = 1 << 1;

    /// <summary>A capability list, and an interrupt that is always pending.</summary>
    private const ushort StatusBits = (1 << 4) | (1 << 3);

    private readonly byte[] _bytes = new byte[Length];
    private bool _isDecoding;
    private bool _isPlaced;

    public MinimalConfigurationSpace(VirtioDeviceModel model, byte interruptLine, uint multiplier)
    {
        Put16(0, 0x1AF4);
        Put16(DeviceId, (ushort)(0x1040 + model.DeviceType));
        Put16(Status, StatusBits);
        Put32(ClassCode, (model.DeviceType == 1 ? 0x020000u : 0x018000u) << 8);
        _bytes[InterruptLine] = interruptLine;
        _bytes[InterruptPin] = 1;
        _bytes[CapabilitiesPointer] = FirstCapability;
        int at = FirstCapability;
        at = Describe(at, 1, MinimalRegisters.CommonOffset, MinimalRegisters.CommonLength, 16);
        Put32(at + 16, multiplier);
        at = Describe(at, 2, MinimalRegisters.NotifyOffset, MinimalRegisters.NotifyLength, 20);
        at = Describe(at, 3, MinimalRegisters.IsrOffset, MinimalRegisters.IsrLength, 16);
        at = Describe(at, 4, MinimalRegisters.DeviceOffset, (uint)model.ConfigurationLength, 16);
        Describe(at, 5, 0, 0, 20);
    }

    /// <summary>Where the guest has placed the range; means nothing while it is not decoded.</summary>
    public ulong BaseAddress => Get32(FirstBaseAddress) & ~(BaseAddressLength - 1);

    /// <summary>
    /// Whether the range answers: it had an address when memory decode was turned on. One that gets its address later
    /// stays silent.
    /// </summary>
    public bool IsDecoded => _isDecoding && _isPlaced;

    public static bool IsAccess(uint offset, int width) =>
        width is 1 or 2 or 4 && offset <= Length - (uint)width && offset % (uint)width == 0;

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
            _bytes[offset + i] = (byte)(value >> (8 * i));
        }

        switch (offset)
        {
            case Command:
                SetDecode((value & MemorySpace) != 0);
                break;
            case >= FirstBaseAddress and <= LastBaseAddress:
                KeepBaseAddress((int)offset & ~3);
                break;
            case Rom:
                Put32(Rom, 0);
                break;
            default:
                break;
        }
    }

    private void SetDecode(bool isDecoding)
    {
        if (isDecoding && !_isDecoding)
        {
            _isPlaced = BaseAddress != 0;
        }

        _isDecoding = isDecoding;
    }

    /// <summary>A base address keeps its upper bits, the others are read-only; there is none but the first.</summary>
    private void KeepBaseAddress(int offset) =>
        Put32(offset, offset == FirstBaseAddress ? Get32(offset) & ~(BaseAddressLength - 1) : 0);

    private int Describe(int at, byte kind, uint offset, uint length, byte size)
    {
        _bytes[at] = CapabilityId.VendorSpecific;
        _bytes[at + 1] = (byte)(at + size);
        _bytes[at + 2] = size;
        _bytes[at + 3] = kind;
        Put32(at + 8, offset);
        Put32(at + 12, length);
        return at + size;
    }

    private uint Get32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private void Put16(int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(offset), value);

    private void Put32(int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), value);
}
