using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Volumes;

namespace VirtioGuest.Commands.Block;

/// <summary><c>parts [D]</c>: shows the partitions of the disks, and what is in them.</summary>
public sealed class ListPartitionsCommand : Command
{
    public ListPartitionsCommand()
        : base("parts [D]", "show partitions and what is in them")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        ulong first = 0;
        if (arguments.Length > 1 || (arguments.Length == 1 && !Number.TryParse(arguments[0], out first)))
        {
            return CommandResult.WrongArguments;
        }

        SectorDevice[] disks = shell.Disks;
        if (arguments.Length == 1 && first >= (ulong)disks.Length)
        {
            return CommandResult.Failure("there is no disk" + arguments[0]);
        }

        if (disks.Length == 0)
        {
            shell.Output.WriteLine("no disks");
        }

        string failed = "";
        ulong end = arguments.Length == 1 ? first + 1 : (ulong)disks.Length;
        for (; first < end && !shell.IsInterrupted; first++)
        {
            SectorDevice disk = disks[first];
            if (!new PartitionList(shell, disk).Write())
            {
                failed += (failed.Length == 0 ? "" : ", ") + disk.Name;
            }
        }

        return first != end ? CommandResult.Interrupted
            : failed.Length != 0 ? CommandResult.Failure("not read in full: " + failed)
            : CommandResult.Success;
    }
}

/// <summary>A disk's partitions as lines.</summary>
internal sealed class PartitionList
{
    private readonly ShellContext _shell;
    private readonly SectorDevice _disk;
    private readonly byte[] _block;
    private bool _isComplete = true;

    public PartitionList(ShellContext shell, SectorDevice disk)
    {
        _shell = shell;
        _disk = disk;
        _block = new byte[disk.BlockSize];
    }

    /// <summary>Writes the lines: the table and what is wrong with it, then its partitions.</summary>
    /// <returns>Whether everything could be read.</returns>
    public bool Write()
    {
        PartitionTable table = PartitionTable.Read(_disk, _block);
        if (table.Failure is not null)
        {
            _isComplete = false;
            Tell(table.Failure.Of("the device"));
        }

        if (table.Failure is null || table.Kind != PartitionTableKind.None)
        {
            Tell(Describe(table));
        }

        for (int i = 0; i < table.Notes.Count; i++)
        {
            Tell(table.Notes[i]);
        }

        for (int i = 0; i < table.Partitions.Count && !_shell.IsInterrupted; i++)
        {
            Partition partition = table.Partitions[i];
            _shell.Output.WriteLine(
                _disk.Name + "p" + DecimalText.Of((uint)partition.Number) + ": " + Describe(partition));
        }

        return _isComplete;
    }

    private void Tell(string words) => _shell.Output.WriteLine(_disk.Name + ": " + words);

    private string Describe(PartitionTable table)
    {
        if (table.Kind == PartitionTableKind.None)
        {
            ulong sectors = _disk.SectorCount;
            return sectors == 0 ? "no sectors" : "no partition table, " + DescribeContent(0, sectors);
        }

        uint count = (uint)table.Partitions.Count;
        return (table.Kind == PartitionTableKind.Guid ? "GUID partition table" : "master boot record")
            + (count == 0 ? ", no" : ", " + DecimalText.Of(count)) + (count == 1 ? " partition" : " partitions");
    }

    private string Describe(Partition partition)
    {
        ulong first = partition.FirstSector;
        ulong count = partition.SectorCount;
        return "sectors " + DecimalText.Of(first) + " to " + DecimalText.Of(first + count - 1) + " ("
            + ByteCount.Format(count * SectorDevice.SectorSize) + "), " + partition.Type + Quote(partition.Name)
            + (partition.IsBootable ? ", bootable" : "") + ", " + DescribeContent(first, count);
    }

    private string DescribeContent(ulong first, ulong count)
    {
        VolumeContent content = VolumeContent.Recognise(_disk, first, count, _block, out Failure? failure);
        if (failure is not null)
        {
            _isComplete = false;
            return "not readable: " + failure.Of("the device");
        }

        string text = content.Format + Quote(content.Label);
        if (content.Size != 0)
        {
            text += ", " + ByteCount.Format(content.Size)
                + (content.BlockSize == 0 ? "" : " in blocks of " + DecimalText.Of(content.BlockSize) + " bytes")
                + (content.Size > count * SectorDevice.SectorSize ? ", more than there is room for" : "");
        }

        return content.Id.Length == 0 ? text : text + ", ID " + content.Id;
    }

    private static string Quote(string name) => name.Length == 0 ? "" : " \"" + name + "\"";
}
