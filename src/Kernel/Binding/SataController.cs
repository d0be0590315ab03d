using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>
/// Stops the ports of a SATA controller that firmware left running (Serial ATA AHCI 1.3.1, 10.1.2): each goes on
/// writing what its disk sends, into memory that is ours now.
/// </summary>
/// <remarks>
/// To turn bus mastering off is not enough. A port that runs and cannot reach its lists is a state that no driver ever
/// makes, and QEMU refuses to load a machine that was saved in it.
/// </remarks>
internal static class SataController
{
    private const byte Storage = 0x01;
    private const byte Sata = 0x06;
    private const byte Ahci = 0x01;

    private const int Registers = 5;
    private const ulong MinimumLength = 0x180;
    private const ulong MaximumLength = 0x1100;
    private const uint HostControl = 0x04;
    private const uint AhciEnable = 1u << 31;
    private const uint PortsImplemented = 0x0C;
    private const uint FirstPort = 0x100;
    private const uint PortLength = 0x80;
    private const uint PortCommand = 0x18;

    private const uint Start = 1 << 0;
    private const uint ReceiveEnable = 1 << 4;
    private const uint ReceiveRunning = 1 << 14;
    private const uint ListRunning = 1 << 15;

    // 10.1.2 gives a port half a second for each of the two.
    private const ulong Timeout = 500_000_000;

    /// <summary>Stops all ports of a function that is such a controller and can reach memory.</summary>
    /// <returns>False where a port does not stop in time.</returns>
    public static bool Stop(Hal.Machine machine, PciFunction function)
    {
        BaseAddressRegister? range = function.BaseAddress(Registers);
        if (function.BaseClass != Storage || function.Subclass != Sata || function.ProgrammingInterface != Ahci
            || range is not { IsIo: false, IsAssigned: true, Length: >= MinimumLength }
            || !function.MemoryDecode || !function.BusMaster)
        {
            return true;
        }

        ulong length = range.Length < MaximumLength ? range.Length : MaximumLength;
        MmioRegion? registers = function.Map(machine, Registers, 0, length);
        if (registers is null || (registers.Read32(HostControl) & AhciEnable) == 0)
        {
            return registers is not null;
        }

        bool isAtRest = true;
        uint ports = registers.Read32(PortsImplemented);
        for (int port = 0; port < 32; port++)
        {
            uint place = FirstPort + ((uint)port * PortLength);
            if ((ports & (1u << port)) != 0 && place + PortLength <= registers.Length)
            {
                // Frames are received for as long as the list runs, so the list ends first (10.3.2).
                isAtRest &= TryClear(machine, registers, place + PortCommand, Start, ListRunning)
                    && TryClear(machine, registers, place + PortCommand, ReceiveEnable, ReceiveRunning);
            }
        }

        return isAtRest;
    }

    private static bool TryClear(Hal.Machine machine, MmioRegion registers, uint place, uint bit, uint running)
    {
        uint command = registers.Read32(place);
        if ((command & bit) != 0)
        {
            registers.Write32(place, command & ~bit);
        }

        var deadline = new Deadline(machine.Clock, Timeout);
        while ((registers.Read32(place) & running) != 0)
        {
            if (!deadline.TryWait())
            {
                return false;
            }
        }

        return true;
    }
}
