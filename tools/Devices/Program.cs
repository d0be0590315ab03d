using System;
using System.CommandLine;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Memory;
using VirtioGuest.VhostUser;

namespace VirtioGuest.DeviceServer;

/// <summary>Serves the project's device models to QEMU, or to any other vhost-user front end.</summary>
internal static class Program
{
    private const ulong DiskFeatures = FeatureBit.Usual | BlockFeature.Flush | BlockFeature.SegmentMaximum
        | BlockFeature.BlockSize | BlockFeature.ConfigWce;

    private static readonly Option<string> s_socket = new("--socket")
    {
        Description = "where the front end connects to",
        HelpName = "path",
        Required = true,
    };

    private static int Main(string[] arguments)
    {
        var root = new RootCommand("Serves devices over vhost-user, until Ctrl+C is typed.")
        {
            Disk(),
            Entropy(),
        };
        return root.Parse(arguments).Invoke();
    }

    private static Command Disk()
    {
        var image = new Argument<FileInfo>("IMAGE") { Description = "the disk, a raw image" };
        image.AcceptExistingOnly();
        var queues = new Option<int>("--queues")
        {
            Description = "how many queues there are, 1 to 8",
            DefaultValueFactory = _ => 1,
        };
        queues.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 8)
            {
                result.AddError("--queues is a number from 1 to 8.");
            }
        });
        var isReadOnly = new Option<bool>("--read-only") { Description = "refuse writes" };
        var command = new Command("blk", "a disk, for vhost-user-blk-pci") { image, s_socket, queues, isReadOnly };
        command.SetAction(parsed =>
        {
            var memory = new RegionMemory();
            try
            {
                using var store = new FileStore(parsed.GetRequiredValue(image).FullName);
                ulong more = parsed.GetValue(isReadOnly) ? BlockFeature.ReadOnly : 0;
                var disk = new BlockDevice(memory, store, parsed.GetValue(queues));
                disk.OfferedFeatures = DiskFeatures | (disk.OfferedFeatures & BlockFeature.MultiQueue) | more;
                return Serve(parsed.GetRequiredValue(s_socket), memory, disk);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        return command;
    }

    private static Command Entropy()
    {
        var command = new Command("rng", "a source of random bytes, for vhost-user-rng-pci") { s_socket };
        command.SetAction(parsed =>
        {
            var memory = new RegionMemory();
            Span<byte> seed = stackalloc byte[sizeof(ulong)];
            System.Security.Cryptography.RandomNumberGenerator.Fill(seed);
            var source = new EntropyDevice(memory, BitConverter.ToUInt64(seed)) { OfferedFeatures = FeatureBit.Usual };
            return Serve(parsed.GetRequiredValue(s_socket), memory, source);
        });
        return command;
    }

    private static int Serve(string socket, RegionMemory memory, VirtioDeviceModel model)
    {
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            using var server = new VhostUserServer(socket, memory, model) { Log = Console.WriteLine };
            Console.WriteLine($"serving at {socket}; Ctrl+C ends it");
            server.Run(stop.Token);
            return 0;
        }
        catch (Exception error) when (error is SocketException or IOException or ArgumentException)
        {
            return Fail($"cannot listen at {socket}: {error.Message}");
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }
}
