using System.Collections.Generic;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>The virtio devices over MMIO that ACPI tells of, by their hardware ID <c>LNRO0005</c>.</summary>
internal static class VirtioMmioDevices
{
    private const string HardwareId = "LNRO0005";

    /// <summary>Adds those to a list that are not on it, in the order of their addresses.</summary>
    /// <param name="names">What the tables define.</param>
    /// <param name="places">What the command line names: it comes first.</param>
    /// <param name="output">Where devices are named whose place cannot be told.</param>
    public static void AddTo(List<MmioDeviceWord> places, AmlNamespace names, TextOutput output)
    {
        var found = new List<MmioDeviceWord>();
        foreach (string device in names.Devices)
        {
            if (names.HardwareIdOf(device) != HardwareId || !names.IsPresent(device))
            {
                continue;
            }

            DeviceResources resources = DeviceResources.Read(names.ResourcesOf(device));
            if (resources.Memory.IsEmpty || resources.Interrupt is not { } line)
            {
                output.WriteLine($"{device}: ACPI does not say outright where this virtio device is: skipped");
            }
            else if (line > byte.MaxValue || (resources.Memory.Start & 3) != 0)
            {
                output.WriteLine($"{device}: this virtio device cannot be reached as ACPI says: skipped");
            }
            else if (!Overlaps(places, resources.Memory) && !Overlaps(found, resources.Memory))
            {
                found.Add(new MmioDeviceWord(resources.Memory, (byte)line));
            }
        }

        found.Sort(static (one, other) => one.Range.Start.CompareTo(other.Range.Start));
        places.AddRange(found);
    }

    private static bool Overlaps(List<MmioDeviceWord> places, AddressRange range)
    {
        foreach (MmioDeviceWord place in places)
        {
            if (place.Range.Overlaps(range))
            {
                return true;
            }
        }

        return false;
    }
}
