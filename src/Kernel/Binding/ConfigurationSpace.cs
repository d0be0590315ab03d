using System.Collections.Generic;
using VirtioGuest.Commands.Text;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>Chooses how PCI configuration space is reached.</summary>
internal static class ConfigurationSpace
{
    private const ushort FirstSegment = 0;

    /// <summary>
    /// The first window in memory that shows what mechanism 1 shows, because it reaches extended configuration space in
    /// a single step; else mechanism 1.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="windows">What the firmware tells of.</param>
    /// <param name="output">Where it is said what was chosen or is of no use.</param>
    /// <param name="name">What was chosen, for people.</param>
    /// <returns>The way for many threads, or null where there is none.</returns>
    public static ConfigurationAccess? Open(
        Hal.Machine machine,
        IReadOnlyList<ConfigurationWindow> windows,
        TextOutput output,
        out string name)
    {
        ConfigurationMechanism1? ports = ConfigurationMechanism1.IsPresent(machine.Ports)
            ? new ConfigurationMechanism1(machine.Ports)
            : null;
        foreach (ConfigurationWindow window in windows)
        {
            string place = $"configuration space at 0x{window.BaseAddress:x}";
            bool isReachable = window.Segment == FirstSegment && (window.FirstBus == 0 || ports is null);
            EcamAccess? memory = isReachable
                ? EcamAccess.TryCreate(
                    machine, window.BaseAddress, window.Segment, window.FirstBus, window.LastBus)
                : null;
            if (memory is not null && memory.IsSane(ports))
            {
                output.WriteLine($"pci: {place}, buses {window.FirstBus} to {window.LastBus}");
                name = place + " (ECAM)";
                return new LockedConfigurationAccess(memory);
            }

            string fault = isReachable ? "is not what it should be" : "is of another segment or bus";
            output.WriteLine($"pci: {place} {fault}: not used");
        }

        name = ports is null ? "no configuration space" : "configuration space through ports (mechanism 1)";
        return ports is null ? null : new LockedConfigurationAccess(ports);
    }

    /// <summary>Where the windows are, so that nothing else is put there.</summary>
    public static IEnumerable<AddressRange> Ranges(IReadOnlyList<ConfigurationWindow> windows)
    {
        foreach (ConfigurationWindow window in windows)
        {
            yield return new AddressRange(
                window.BaseAddress + ((ulong)window.FirstBus * EcamAccess.BusLength),
                ((ulong)window.LastBus - window.FirstBus + 1) * EcamAccess.BusLength);
        }
    }
}
