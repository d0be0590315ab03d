using System;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Files;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>File descriptors: the console, random bytes, and the few files that .NET looks at.</summary>
internal static unsafe class FileCalls
{
    private const ulong StatLength = 144;
    private const uint CharacterDevice = 0x2190;
    private const uint Directory = 0x41ED;
    private const ulong GetFlags = 3;
    private const ulong ReadWriteFlags = 2;
    private const ulong DuplicateCloseOnExec = 1030;

    // What one call writes, up to this many bytes, stays together on the console.
    private const ulong MaximumWrite = 4096;

    private static FileTable s_files;
    private static MemoryReport s_memoryReport;

    /// <summary>Opens the console as descriptors 0, 1 and 2.</summary>
    public static void Initialize() => s_files.Initialize();

    /// <summary>Serves a call if it is one on files.</summary>
    /// <returns>Whether it is.</returns>
    public static bool TryDispatch(PerCpu* cpu, TrapFrame* frame, out long result)
    {
        ulong a = frame->Rdi;
        ulong b = frame->Rsi;
        ulong c = frame->Rdx;
        switch (frame->Rax)
        {
            case CallNumbers.Write:
                result = Write(cpu, frame, a, (byte*)b, c);
                return true;
            case CallNumbers.WriteVector:
                result = WriteVector(cpu, frame, a, (ulong*)b, c);
                return true;
            case CallNumbers.Read:
                result = Read(cpu, frame, a, (byte*)b, c);
                return true;
            case CallNumbers.ReadVector:
                result = ReadVector(cpu, frame, a, (ulong*)b, c);
                return true;
            case CallNumbers.Open:
                result = Open((byte*)a);
                return true;
            case CallNumbers.OpenAt:
                result = Open((byte*)b);
                return true;
            case CallNumbers.Close:
                result = s_files.Close(a);
                return true;
            case CallNumbers.FStat:
                result = Stat(s_files.KindOf(a), -ErrorNumber.BadFile, (byte*)b);
                return true;
            case CallNumbers.FStatAt when *(byte*)b == 0:
                result = Stat(s_files.KindOf(a), -ErrorNumber.BadFile, (byte*)c);
                return true;
            case CallNumbers.FStatAt:
                result = Stat(KindOf((byte*)b), -ErrorNumber.NoEntry, (byte*)c);
                return true;
            case CallNumbers.Stat:
            case CallNumbers.LStat:
                result = Stat(KindOf((byte*)a), -ErrorNumber.NoEntry, (byte*)b);
                return true;
            case CallNumbers.Access:
                result = KindOf((byte*)a) == FileKind.None ? -ErrorNumber.NoEntry : 0;
                return true;
            case CallNumbers.GetDirectoryEntries:
                result = s_files.KindOf(a) == FileKind.Root ? 0 : -ErrorNumber.NotADirectory;
                return true;
            case CallNumbers.Seek:
                result = s_files.KindOf(a) == FileKind.None ? -ErrorNumber.BadFile : -ErrorNumber.IllegalSeek;
                return true;
            case CallNumbers.IoControl:
                result = s_files.KindOf(a) == FileKind.None ? -ErrorNumber.BadFile : -ErrorNumber.NotATerminal;
                return true;
            case CallNumbers.FileControl:
                result = Control(a, b);
                return true;
            case CallNumbers.Pipe:
            case CallNumbers.Pipe2:
                result = Pipe((uint*)a);
                return true;
            case CallNumbers.NotifyStart:
                // Nothing ever changes here, so that nothing is ever read.
                result = s_files.Open(FileKind.PipeReader);
                return true;
            case CallNumbers.NotifyAddWatch:
                result = s_files.KindOf(a) != FileKind.PipeReader ? -ErrorNumber.InvalidArgument
                    : KindOf((byte*)b) == FileKind.None ? -ErrorNumber.NoEntry
                    : 1;
                return true;
            case CallNumbers.NotifyRemoveWatch:
                result = s_files.KindOf(a) == FileKind.PipeReader ? 0 : -ErrorNumber.InvalidArgument;
                return true;
            case CallNumbers.GetDirectory:
                result = GetDirectory((byte*)a, b);
                return true;
            case CallNumbers.ReadLink:
            case CallNumbers.StatFileSystem:
            case CallNumbers.FStatFileSystem:
                // There is no file system to look at.
                result = -ErrorNumber.NoEntry;
                return true;
            default:
                result = 0;
                return false;
        }
    }

    private static long Write(PerCpu* cpu, TrapFrame* frame, ulong file, byte* buffer, ulong length)
    {
        switch (s_files.KindOf(file))
        {
            case FileKind.Console:
                return WriteConsole(cpu, frame, buffer, length);
            case FileKind.Null:
                return (long)length;
            case FileKind.PipeWriter:
                return -ErrorNumber.BrokenPipe;
            default:
                return -ErrorNumber.BadFile;
        }
    }

    // The caller's thread waits while the serial line takes no more, however long that lasts.
    private static long WriteConsole(PerCpu* cpu, TrapFrame* frame, byte* buffer, ulong length)
    {
        if (LibOs.FirstWrite == 0)
        {
            LibOs.FirstWrite = Clock.Now;
        }

        ulong part = Math.Min(length, MaximumWrite);
        if (!SerialOutput.HasRoom(part))
        {
            Scheduler.Block(cpu, ThreadState.WaitingForOutput);
            return CallResult.Switched;
        }

        KernelConsole.Write(buffer, part);
        return (long)part;
    }

    /// <summary>Lets the caller wait until everything that was written has left the machine.</summary>
    /// <returns>Whether it has; if not, the caller waits now and makes its call again.</returns>
    public static bool TryDrain(PerCpu* cpu, TrapFrame* frame)
    {
        if (SerialOutput.IsDrained)
        {
            return true;
        }

        Scheduler.Block(cpu, ThreadState.WaitingForOutput);
        return false;
    }

    private static long WriteVector(PerCpu* cpu, TrapFrame* frame, ulong file, ulong* vector, ulong count)
    {
        long written = 0;
        for (ulong i = 0; i < count; i++)
        {
            ulong length = vector[(2 * i) + 1];
            if (length == 0)
            {
                continue;
            }

            if (written != 0 && s_files.KindOf(file) == FileKind.Console && !SerialOutput.HasRoom(length))
            {
                // The rest would have to wait, and then the call could not tell what it has already written.
                break;
            }

            long result = Write(cpu, frame, file, (byte*)vector[2 * i], length);
            if (result < 0)
            {
                return written != 0 ? written : result;
            }

            written += result;
            if ((ulong)result < length)
            {
                break;
            }
        }

        return written;
    }

    private static long Read(PerCpu* cpu, TrapFrame* frame, ulong file, byte* buffer, ulong length)
    {
        switch (s_files.KindOf(file))
        {
            case FileKind.Console:
                return ReadConsole(cpu, frame, buffer, length);
            case FileKind.Random:
                LibOs.Entropy->Read(buffer, length);
                return (long)length;
            case FileKind.MemoryReport:
                ulong count = s_memoryReport.Read(s_files.PositionOf(file), buffer, length);
                s_files.Advance(file, count);
                return (long)count;
            case FileKind.Null:
                return 0;
            case FileKind.PipeReader:
                Scheduler.Block(cpu, ThreadState.WaitingForPipe);
                return CallResult.Switched;
            default:
                return -ErrorNumber.BadFile;
        }
    }

    /// <summary>
    /// Reads what was typed; waits where nothing was. Fails once, with an input error, where bytes were lost.
    /// </summary>
    public static long ReadConsole(PerCpu* cpu, TrapFrame* frame, byte* buffer, ulong length)
    {
        if (length == 0)
        {
            return 0;
        }

        ulong count = ConsoleInput.Read(buffer, length);
        if (count != 0)
        {
            return count == ConsoleInput.Lost ? -ErrorNumber.InputOutput : (long)count;
        }

        Scheduler.Block(cpu, ThreadState.WaitingForConsole);
        return CallResult.Switched;
    }

    private static long ReadVector(PerCpu* cpu, TrapFrame* frame, ulong file, ulong* vector, ulong count)
    {
        long total = 0;
        for (ulong i = 0; i < count; i++)
        {
            ulong length = vector[(2 * i) + 1];
            if (length == 0)
            {
                continue;
            }

            if (total != 0 && s_files.KindOf(file) is FileKind.Console or FileKind.PipeReader)
            {
                // What has arrived is enough: the rest might have to be waited for.
                break;
            }

            long result = Read(cpu, frame, file, (byte*)vector[2 * i], length);
            if (result < 0)
            {
                return total != 0 ? total : result;
            }

            total += result;
            if ((ulong)result < length)
            {
                break;
            }
        }

        return total;
    }

    private static long Open(byte* path)
    {
        FileKind kind = KindOf(path);
        if (kind == FileKind.MemoryReport)
        {
            s_memoryReport.Refresh(LibOs.Frames);
        }

        return kind == FileKind.None ? -ErrorNumber.NoEntry : s_files.Open(kind);
    }

    /// <summary>What a path leads to; <see cref="FileKind.None"/> where it leads nowhere.</summary>
    private static FileKind KindOf(byte* path)
    {
        if (IsText(path, "/proc/meminfo"))
        {
            return FileKind.MemoryReport;
        }

        if (IsText(path, "/dev/urandom") || IsText(path, "/dev/random"))
        {
            return FileKind.Random;
        }

        bool isRoot = IsText(path, "/") || IsText(path, ".") || IsText(path, "/.");
        return IsText(path, "/dev/null") ? FileKind.Null : isRoot ? FileKind.Root : FileKind.None;
    }

    private static long Stat(FileKind kind, long error, byte* result)
    {
        if (kind == FileKind.None)
        {
            return error;
        }

        Processor.Fill(result, 0, StatLength);
        *(uint*)(result + 24) = kind == FileKind.Root ? Directory : CharacterDevice;
        return 0;
    }

    private static long Control(ulong file, ulong command)
    {
        FileKind kind = s_files.KindOf(file);
        if (kind == FileKind.None)
        {
            return -ErrorNumber.BadFile;
        }

        return command switch
        {
            0 or DuplicateCloseOnExec => s_files.Open(kind),
            GetFlags => (long)ReadWriteFlags,
            _ => 0,
        };
    }

    private static long Pipe(uint* ends)
    {
        long reader = s_files.Open(FileKind.PipeReader);
        long writer = s_files.Open(FileKind.PipeWriter);
        if (reader < 0 || writer < 0)
        {
            if (reader >= 0)
            {
                s_files.Close((ulong)reader);
            }

            return -ErrorNumber.TooManyFiles;
        }

        ends[0] = (uint)reader;
        ends[1] = (uint)writer;
        return 0;
    }

    private static long GetDirectory(byte* buffer, ulong length)
    {
        if (length < 2)
        {
            return -ErrorNumber.InvalidArgument;
        }

        buffer[0] = (byte)'/';
        buffer[1] = 0;
        return 2;
    }

    // Whether the program's text, which ends with a zero, is the expected one.
    private static bool IsText(byte* text, string expected)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (text[i] != expected[i])
            {
                return false;
            }
        }

        return text[expected.Length] == 0;
    }
}
