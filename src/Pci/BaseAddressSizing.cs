using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Pci;

/// <summary>Finds what the base address registers of a function decode (PCI 3.0, 6.2.5.1).</summary>
internal static class BaseAddressSizing
{
    private const uint IoFlag = 1;
    private const uint IoReserved = 2;
    private const uint PrefetchableFlag = 8;
    private const uint Reserved = 3;
    private const uint Anywhere = 2;

    /// <summary>Sizes all registers while the function decodes nothing, and puts everything back.</summary>
    /// <remarks>
    /// A host bridge goes on decoding: its registers, where it has any, may stand for the memory that is executed from.
    /// A register that does not size as it should is named and left out.
    /// </remarks>
    public static BaseAddressRegister[] Read(PciFunction function, DeviceLog log)
    {
        int count = function.HeaderLayout switch
        {
            ConfigurationHeader.DeviceLayout => 6,
            ConfigurationHeader.BridgeLayout => 2,
            ConfigurationHeader.CardBusLayout => 1,
            _ => 0,
        };

        ushort command = function.Read16(ConfigurationHeader.Command);
        bool isHostBridge = function.BaseClass == PciClass.Bridge && function.Subclass == PciClass.HostBridge;
        bool turnsOff = count > 0 && !isHostBridge && (command & ConfigurationHeader.Decode) != 0;
        if (turnsOff)
        {
            function.Write16(ConfigurationHeader.Command, (ushort)(command & ~ConfigurationHeader.Decode));
        }

        List<BaseAddressRegister> found = new List<BaseAddressRegister>();
        for (int index = 0; index < count; index++)
        {
            uint offset = ConfigurationHeader.FirstBaseAddress + (uint)(4 * index);
            uint low = Probe(function, offset, out uint lowMask);
            if (lowMask == 0)
            {
                continue;
            }

            uint high = 0;
            uint highMask = 0;
            bool isWide = (lowMask & IoFlag) == 0 && ((lowMask >> 1) & 3) == Anywhere;
            int first = index;
            if (isWide && index + 1 < count)
            {
                high = Probe(function, offset + 4, out highMask);
                index++;
            }

            BaseAddressRegister? register = (lowMask & IoFlag) != 0
                ? Io(first, low, lowMask)
                : Memory(first, low | ((ulong)high << 32), lowMask | ((ulong)highMask << 32));
            if (register != null)
            {
                found.Add(register);
            }
            else
            {
                log.Warning(function.Address.ToString() + ": base address "
                    + Hexadecimal.Format((uint)first) + " does not size as PCI demands: left out");
            }
        }

        if (turnsOff)
        {
            function.Write16(ConfigurationHeader.Command, command);
        }

        return found.ToArray();
    }

    /// <summary>Learns which bits of a register can be set, and restores it.</summary>
    private static uint Probe(PciFunction function, uint offset, out uint mask)
    {
        uint value = function.Read32(offset);
        function.Write32(offset, uint.MaxValue);
        mask = function.Read32(offset);
        function.Write32(offset, value);
        return value;
    }

    private static BaseAddressRegister? Io(int index, uint value, uint mask)
    {
        uint bits = mask & ~3u;
        if (bits <= ushort.MaxValue)
        {
            // On a PC a device may leave the upper half of an I/O register out (PCI 3.0, 6.2.5.1).
            bits |= bits == 0 ? 0 : 0xFFFF0000;
        }

        uint length = bits & (~bits + 1);
        bool isSound = bits != 0 && (mask & IoReserved) == 0 && (bits | (length - 1)) == uint.MaxValue;
        return isSound ? new BaseAddressRegister(index, BaseAddressKind.Io, false, length, value & ~3u) : null;
    }

    private static BaseAddressRegister? Memory(int index, ulong value, ulong mask)
    {
        uint type = (uint)(mask >> 1) & 3;
        ulong bits = mask & ~15UL;
        if (type != Anywhere)
        {
            bits |= bits == 0 ? 0 : 0xFFFFFFFF00000000;
        }

        // A 64-bit register without a second half has no upper bits, and so fails here too.
        ulong length = bits & (~bits + 1);
        if (type == Reserved || bits == 0 || (bits | (length - 1)) != ulong.MaxValue)
        {
            return null;
        }

        BaseAddressKind kind = type == Anywhere ? BaseAddressKind.Memory64 : BaseAddressKind.Memory32;
        return new BaseAddressRegister(index, kind, (mask & PrefetchableFlag) != 0, length, value & ~15UL);
    }
}
