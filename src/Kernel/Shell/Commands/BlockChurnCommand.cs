using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>
/// <c>blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]</c>: writes, reads, discards, zeroes and flushes, many at
/// once.
/// </summary>
/// <remarks>
/// After each flush it says <c>durable: N</c>: all operations below N had ended before that flush was asked for.
/// </remarks>
internal sealed class BlockChurnCommand : BlockCommand
{
    private const int RequiredArguments = 4;
    private const ulong UsualDepth = 32;

    public BlockChurnCommand()
        : base(
            "blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]",
            "write, read, discard, zero and flush, DEPTH at a time, reset in the middle, and compare")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments)
    {
        ulong depth = UsualDepth;
        bool resets = arguments.Length > RequiredArguments && arguments[^1] == "reset";
        arguments = resets ? arguments[..^1] : arguments;
        if (arguments.Length is < RequiredArguments or > RequiredArguments + 1
            || !Number.TryParse(arguments[0], out ulong first)
            || !Number.TryParse(arguments[1], out ulong count) || count is 0 or > DiskChurn.MostSectors
            || !Number.TryParse(arguments[2], out ulong seed)
            || !Number.TryParse(arguments[3], out ulong operations)
            || (arguments.Length > RequiredArguments && !Number.TryParse(arguments[4], out depth))
            || depth is 0 or > DiskChurn.MostInFlight)
        {
            return CommandResult.WrongArguments;
        }

        var shown = (ShellDisk)disk;
        BlockStatus status = !disk.Contains(first, count) ? BlockStatus.OutOfRange
            : disk.IsReadOnly ? BlockStatus.ReadOnly
            : (first | count) % (disk.BlockSize / SectorDevice.SectorSize) != 0 ? BlockStatus.Unaligned
            : BlockStatus.Ok;
        if (shown.Failure(status, first, count) is { } failure)
        {
            return Failure(disk, failure);
        }

        bool hasDiscard = Offers(shown.Disk, BlockOperation.Discard);
        bool hasWriteZeroes = Offers(shown.Disk, BlockOperation.WriteZeroes);
        shell.Output.WriteLine(
            $"{disk.Name}: blocks of {disk.BlockSize} bytes, {depth} at a time, discard {UsedOrNot(hasDiscard)}, "
            + $"write zeroes {UsedOrNot(hasWriteZeroes)}");
        var sequence = new ChurnSequence(first, count, seed, disk.BlockSize, hasDiscard, hasWriteZeroes);
        var churn = new DiskChurn(shown, first, count, sequence, shell, resets);
        string? problem = churn.Run(operations, (int)depth);
        if (problem is not null)
        {
            return Failure(disk, problem);
        }

        if (resets)
        {
            shell.Output.WriteLine($"reset the device {churn.DeviceResets} times, a queue {churn.QueueResets} times");
        }

        if (shell.IsInterrupted)
        {
            shell.Output.WriteLine($"churned {churn.Begun} operations");
            return CommandResult.Interrupted;
        }

        shell.Output.WriteLine($"churned {operations} operations, verified");
        return CommandResult.Success;
    }

    private static bool Offers(Disk disk, BlockOperation operation) =>
        disk.Device.LimitsOf(operation).MaximumSectors != 0;

    private static string UsedOrNot(bool isOffered) => isOffered ? "used" : "not offered";
}
