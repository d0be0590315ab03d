using System.Collections.Generic;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>Puts a cell into the words of QEMU, whether QEMU will have it or not.</summary>
public static class CellMachine
{
    /// <summary>The machine of a cell: one disk, one network card.</summary>
    public static GuestOptions Build(Cell cell, DiskImage disk)
    {
        string diskProperties = Join([.. Common(cell), .. DiskProperties(cell)]);
        string nicProperties = Join([.. Common(cell), .. NicProperties(cell)]);
        if (!cell.IsPci)
        {
            return new GuestOptions().WithArguments(
                "-machine", "microvm,acpi=off",
                "-global", "virtio-mmio.force-legacy=false",
                "-drive", $"if=none,id=a,format=raw,file={disk.Path},file.locking=off",
                "-device", $"virtio-blk-device,drive=a,packed={Switch(cell.IsPacked)},{diskProperties}",
                "-netdev", "user,id=n",
                "-device", $"virtio-net-device,netdev=n,packed={Switch(cell.IsPacked)},{nicProperties}");
        }

        GuestOptions options = new()
        {
            Machine = cell.Platform == Platform.Q35 ? MachineType.Q35 : MachineType.Pc,
            Door = cell.IsFromIso ? Door.IsoBios : Door.Elf,
            HasIommu = cell.Platform == Platform.Q35 && cell.HasPlatformAccess,
        };
        if (cell.Platform == Platform.MicrovmPcie)
        {
            options = options.WithArguments("-machine", "microvm,acpi=on,pcie=on");
        }

        return options
            .WithDisk(new DiskOptions(disk.Path) { IsPacked = cell.IsPacked, Properties = diskProperties })
            .WithNic(new NicOptions { IsPacked = cell.IsPacked, Properties = nicProperties });
    }

    private static IEnumerable<string> Common(Cell cell)
    {
        yield return $"event_idx={Switch(cell.HasEventIndex)}";
        yield return $"indirect_desc={Switch(cell.HasIndirect)}";
        yield return $"iommu_platform={Switch(cell.HasPlatformAccess)}";
        if (cell.IsPci || cell.HasPagePerQueue)
        {
            yield return $"page-per-vq={Switch(cell.HasPagePerQueue)}";
        }

        if (cell.IsPci || cell.IsTransitional)
        {
            yield return $"disable-legacy={Switch(!cell.IsTransitional)}";
        }
    }

    private static IEnumerable<string> DiskProperties(Cell cell)
    {
        if (cell.Interrupts == InterruptForm.FewVectors)
        {
            yield return "num-queues=4";
            yield return "vectors=1";
        }
        else if (cell.Interrupts == InterruptForm.VectorPerQueue)
        {
            yield return "vectors=2";
        }
        else if (cell.IsPci)
        {
            yield return "vectors=0";
        }

        if (cell.Queues != QueueForm.Usual)
        {
            yield return $"queue-size={CellStatement.DiskQueueSize(cell)}";
        }
    }

    private static IEnumerable<string> NicProperties(Cell cell)
    {
        if (cell.Interrupts == InterruptForm.FewVectors)
        {
            yield return "vectors=2";
        }
        else if (cell.Interrupts == InterruptForm.VectorPerQueue)
        {
            yield return "vectors=4";
        }
        else if (cell.IsPci)
        {
            yield return "vectors=0";
        }

        if (cell.Queues == QueueForm.Large)
        {
            yield return $"rx_queue_size={CellStatement.ReceiveQueueSize(cell)}";
        }
    }

    private static string Join(IEnumerable<string> properties) => string.Join(',', properties);

    private static string Switch(bool isOn) => isOn ? "on" : "off";
}
