using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Conformance.Reports;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Net;
using VirtioGuest.VhostUser;

namespace VirtioGuest.DeviceServer;

/// <summary>Serves the project's device models to QEMU, or to any other vhost-user front end.</summary>
internal static class Program
{
    private static readonly Option<string> s_socket = new("--socket")
    {
        Description = "where the front end connects to",
        HelpName = "path",
        Required = true,
    };

    private static readonly Option<string?> s_odd = new("--odd")
    {
        Description = "what it does that few devices do: "
            + string.Join("; ", OddDevice.All.Select(each => $"{each.Name}, it {each.Habit}")),
        HelpName = "habit",
    };

    private static readonly Option<string?> s_judge = new("--judge")
    {
        Description = "judge the drivers that come, and write reports into this folder at the end",
        HelpName = "folder",
    };

    private static int Main(string[] arguments)
    {
        s_odd.AcceptOnlyFromAmong([.. OddDevice.All.Select(each => each.Name)]);
        var root = new RootCommand("Serves devices over vhost-user, until Ctrl+C is typed.")
        {
            Disk(),
            Card(),
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
        var command = new Command("blk", "a disk, for vhost-user-blk-pci")
        {
            image, s_socket, queues, isReadOnly, s_odd, s_judge,
        };
        command.SetAction(parsed =>
        {
            try
            {
                using var store = new FileStore(parsed.GetRequiredValue(image).FullName);
                var memory = new RegionMemory();
                return Serve(parsed, memory, ServedDevices.Disk(
                    memory, store, parsed.GetValue(queues), parsed.GetValue(isReadOnly)));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        return command;
    }

    private static Command Card()
    {
        var wire = new Option<string[]>("--wire")
        {
            Description = "where frames for the guest arrive, and where its own go: HOST:PORT or the path of a Unix "
                + "socket each, as with QEMU's -netdev dgram; without it, a neighbour that echoes is at the other end",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
            HelpName = "local remote",
        };
        wire.Validators.Add(result =>
        {
            foreach (System.CommandLine.Parsing.Token each in result.Tokens)
            {
                if (DatagramWire.ParseEnd(each.Value) is null)
                {
                    result.AddError($"{each.Value} is neither an address with a port nor a path with a slash.");
                }
            }
        });
        var command = new Command("net", "a network card, for virtio-net-pci with -netdev vhost-user")
        {
            s_socket, wire, s_odd, s_judge,
        };
        command.SetAction(parsed =>
        {
            var memory = new RegionMemory();
            if (parsed.GetValue(wire) is not [string local, string remote])
            {
                return Serve(parsed, memory, ServedDevices.Card(memory, new EchoPeer()));
            }

            try
            {
                using var peer = new DatagramWire(DatagramWire.ParseEnd(local)!, DatagramWire.ParseEnd(remote)!);
                return Serve(parsed, memory, ServedDevices.Card(memory, peer), peer);
            }
            catch (SocketException error)
            {
                return Fail($"cannot receive at {local}: {error.Message}");
            }
        });
        return command;
    }

    private static Command Entropy()
    {
        var command = new Command("rng", "a source of random bytes, for vhost-user-rng-pci")
        {
            s_socket, s_odd, s_judge,
        };
        command.SetAction(parsed =>
        {
            var memory = new RegionMemory();
            return Serve(parsed, memory, ServedDevices.Entropy(memory));
        });
        return command;
    }

    private static int Serve(
        ParseResult parsed, RegionMemory memory, VirtioDeviceModel model, DatagramWire? wire = null)
    {
        string socket = parsed.GetRequiredValue(s_socket);
        OddDevice.Find(parsed.GetValue(s_odd))?.Prepare(model);
        string? folder = parsed.GetValue(s_judge);
        ServedWatch? watch = folder is null ? null : new ServedWatch("driver", model);
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            using var server = new VhostUserServer(socket, memory, model)
            {
                Log = Console.WriteLine,
                Watch = watch,
                Wire = wire,
            };
            Console.WriteLine($"serving at {socket}; Ctrl+C ends it");
            server.Run(stop.Token);
        }
        catch (Exception error) when (error is SocketException or IOException or ArgumentException)
        {
            return Fail($"cannot listen at {socket}: {error.Message}");
        }

        return watch is null ? 0 : Judge(watch, folder!);

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    /// <summary>Says what the judge found of the drivers that came.</summary>
    private static int Judge(ServedWatch watch, string folder)
    {
        var run = new ConformanceRun("virtio conformance of a served driver", watch.Conclude(onlyLast: false));
        if (run.Verdicts.Count == 0)
        {
            return Fail("nothing used the device");
        }

        SummaryText.Write(run, Console.Out);
        ReportFolder.Write(run, folder, "driver");
        return run.IsGood ? 0 : 1;
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }
}
