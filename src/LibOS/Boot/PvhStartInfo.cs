using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Boot;

/// <summary>Reads what a PVH loader hands over: <c>hvm_start_info</c> of Xen's x86/HVM direct boot ABI.</summary>
/// <remarks>It does not describe a screen; see <see cref="VirtioGuest.LibOS.Console.VgaPresence"/>.</remarks>
internal static unsafe class PvhStartInfo
{
    private const uint Magic = 0x336E_C578;
    private const ulong MemoryMapVersionLength = 56;
    private const ulong EntryLength = 24;

    // Far more than any machine has; MOST_RANGES of PvhGate.S is the same.
    private const uint MaximumEntries = 4096;

    // QEMU's option ROM has a buffer of this length for the command line and its zero, in front of the structure, and
    // copies the line however long it is.
    private const uint LoaderBufferLength = 4096;
    private const ushort SelectorPort = 0x510;
    private const ushort DataPort = 0x511;
    private const ushort SignatureItem = 0x00;
    private const ushort CommandLineLengthItem = 0x14;
    private const uint Signature = 0x554D_4551; // "QEMU"

    /// <summary>Reads the start information at a physical address (EBX at entry).</summary>
    /// <returns>
    /// <see cref="BootStatus.Ok"/>, or what is wrong; the information then holds what came before the fault.
    /// </returns>
    public static BootStatus Parse(ulong physical, BootInformation* information)
    {
        Processor.Fill(information, 0, (ulong)sizeof(BootInformation));
        information->Door = BootDoor.Pvh;
        if (!ByteWindow.TryOpen(physical, MemoryMapVersionLength, out ByteWindow start))
        {
            return BootStatus.Unreachable;
        }

        if (start.Load32(0) != Magic)
        {
            return IsOverrun() ? BootStatus.OverrunByCommandLine : BootStatus.BadMagic;
        }

        information->RootPointer = start.Load64(32);

        // Version 0 has no memory map: its guests ask the hypervisor, and there is none to ask here.
        uint version = start.Load32(4);
        uint entries = version == 0 ? 0 : start.Load32(48);
        if (entries == 0)
        {
            return BootStatus.NoMemory;
        }

        if (entries > MaximumEntries)
        {
            return BootStatus.TooLong;
        }

        if (!ByteWindow.TryOpen(start.Load64(40), entries * EntryLength, out ByteWindow map))
        {
            return BootStatus.Unreachable;
        }

        for (ulong entry = 0; map.Has(entry, EntryLength); entry += EntryLength)
        {
            information->Memory.AddEntry(map, entry);
        }

        if (information->Memory.RamBytes == 0)
        {
            return BootStatus.NoMemory;
        }

        return information->CopyCommandLine(start.Load64(24));
    }

    private static bool IsOverrun() =>
        ReadItem(SignatureItem) == Signature && ReadItem(CommandLineLengthItem) > LoaderBufferLength;

    // An item of QEMU's firmware configuration device, its first four bytes.
    private static uint ReadItem(ushort item)
    {
        Processor.Out16(SelectorPort, item);
        uint value = 0;
        for (int shift = 0; shift < 32; shift += 8)
        {
            value |= (uint)Processor.In8(DataPort) << shift;
        }

        return value;
    }
}
