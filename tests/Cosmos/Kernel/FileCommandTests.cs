using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Commands;
using VirtioGuest.Cosmos.Kernel.Files;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>The commands on files: what they do, and how they fail.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FileCommandTests
{
    private readonly Tree _tree = new();
    private readonly Lines _lines = new();

    [Test]
    public void A_file_is_written_shown_and_deleted()
    {
        Assert.That(Run("write notes.txt two  words"), Is.Null);
        Assert.That(_tree.Files.Keys, Is.EqualTo(new[] { @"0:\notes.txt" }));
        Assert.That(Run("cat NOTES.TXT"), Is.Null);
        Assert.That(Run("rm Notes.txt"), Is.Null);

        Assert.That(_tree.Files, Is.Empty);
        Assert.That(_lines.Text, Is.EqualTo("wrote 10 bytes to 0:\\notes.txt\ntwo words\n"));
    }

    [Test]
    public void An_existing_file_is_replaced_and_keeps_its_name()
    {
        _tree.Files[@"0:\A.TXT"] = new byte[5000];

        Assert.That(Run("write a.txt x"), Is.Null);

        Assert.That(_tree.Files.Single().Key, Is.EqualTo(@"0:\A.TXT"));
        Assert.That(_tree.Files.Single().Value, Is.EqualTo("x\n"u8.ToArray()));
    }

    [TestCase("ls", "        12 A.TXT\n directory SUB\n")]
    [TestCase(@"ls 0:\", "        12 A.TXT\n directory SUB\n")]
    [TestCase("ls 0:", "        12 A.TXT\n directory SUB\n")]
    [TestCase("ls sub", "         3 B\n")]
    [TestCase("ls SUB/", "         3 B\n")]
    [TestCase(@"ls 0:\sub\b", "         3 B\n")]
    [TestCase(@"ls 1:\", "no files in 1:\\\n")]
    public void A_directory_is_listed_however_it_is_named(string command, string listed)
    {
        _tree.SetRoots(@"0:\", @"1:\");
        _tree.Files[@"0:\A.TXT"] = new byte[12];
        _tree.Directories.Add(@"0:\SUB");
        _tree.Files[@"0:\SUB\B"] = new byte[3];

        Assert.That(Run(command), Is.Null);
        Assert.That(_lines.Text, Is.EqualTo(listed));
    }

    [TestCase("cat nosuch", @"there is no file 0:\nosuch")]
    [TestCase("cat sub/nosuch", @"there is no file 0:\SUB\nosuch")]
    [TestCase("cat nosuch/a", @"there is no directory 0:\nosuch")]
    [TestCase("cat a.txt/b", @"0:\A.TXT is not a directory")]
    [TestCase("cat sub", @"0:\SUB is a directory")]
    [TestCase(@"cat 0:\", @"0:\ is a directory")]
    [TestCase(@"cat 7:\a", @"there is no file system at 7:\; mounted: 0:\")]
    [TestCase("cat c:a", @"there is no file system at c:; mounted: 0:\")]
    [TestCase("cat :", @"there is no file system at :; mounted: 0:\")]
    [TestCase("cat ../a", "a path is written without . and ..")]
    [TestCase("cat a*", "a name has no control characters and none of : * ? \" < > |")]
    [TestCase("write a? x", "a name has no control characters and none of : * ? \" < > |")]
    [TestCase("write a. x", "a name does not end with a dot")]
    [TestCase("write sub x", @"0:\SUB is a directory")]
    [TestCase("write nosuch/a x", @"there is no directory 0:\nosuch")]
    [TestCase("rm nosuch", @"there is no file 0:\nosuch")]
    [TestCase("rm sub", @"0:\SUB is a directory")]
    [TestCase("ls nosuch", @"there is no directory 0:\nosuch")]
    public void A_command_that_fails_says_why_and_changes_nothing(string command, string failure)
    {
        _tree.Files[@"0:\A.TXT"] = new byte[12];
        _tree.Directories.Add(@"0:\SUB");

        Assert.That(Run(command), Is.EqualTo(failure));
        Assert.That(_tree.Files.Keys, Is.EqualTo(new[] { @"0:\A.TXT" }));
        Assert.That(_lines.Text, Is.Empty);
    }

    [TestCase("cat")]
    [TestCase("cat a b")]
    [TestCase("write a")]
    [TestCase("rm")]
    [TestCase("rm a b")]
    [TestCase("ls a b")]
    public void Too_few_or_too_many_arguments_show_the_usage(string command) =>
        Assert.That(Run(command), Is.EqualTo("usage"));

    [Test]
    public void A_name_that_is_too_long_is_refused() =>
        Assert.That(Run("cat " + new string('a', 256)), Is.EqualTo("a name has at most 255 characters"));

    [Test]
    public void Without_a_file_system_there_are_no_files()
    {
        _tree.SetRoots();
        Assert.That(Run("ls"), Is.EqualTo("no disk has a FAT32 file system"));
    }

    [Test]
    public void Bytes_that_are_no_text_are_question_marks_and_a_long_file_is_not_shown()
    {
        _tree.Files[@"0:\A"] = [0x41, 0x0D, 0x0A, 0x80, 0x00, 0x09, 0x42];
        _tree.Files[@"0:\B"] = new byte[(1 << 20) + 1];

        Assert.That(Run("cat A"), Is.Null);
        Assert.That(_lines.Text, Is.EqualTo("A\n?? B\n"));
        Assert.That(Run("cat B"), Is.EqualTo(@"0:\B has 1048577 bytes; at most 1048576 are shown"));
    }

    [Test]
    public void A_file_that_is_read_short_is_an_error()
    {
        _tree.Files[@"0:\A"] = new byte[10];
        _tree.ReadsAtMost = 4;
        Assert.That(Run("cat A"), Is.EqualTo(@"0:\A has 10 bytes, of which only 4 were read"));
    }

    [Test]
    public void A_file_that_is_not_deleted_is_an_error_and_is_not_overwritten()
    {
        _tree.Files[@"0:\A"] = new byte[10];
        _tree.KeepsFiles = true;
        Assert.That(Run("rm A"), Is.EqualTo(@"the file system did not delete 0:\A"));
        Assert.That(Run("write A x"), Is.EqualTo(@"the file system did not delete 0:\A"));
    }

    [Test]
    public void An_exception_of_the_file_system_fails_the_command()
    {
        _tree.Failure = "disk0: read at sector 7, count 1: the device reports an I/O error";
        Assert.That(Run("ls"), Is.EqualTo("System.IO.IOException: " + _tree.Failure));
    }

    /// <summary>Runs a command as the shell does.</summary>
    /// <returns>Null, or why it failed.</returns>
    private string? Run(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Command command = CommandList.Create(_tree).Single(each => each.Name == words[0]);
        var shell = new ShellContext(_lines, null!, [], [], null!, []);
        CommandResult result = command.Run(shell, words[1..]);
        return result.Outcome switch
        {
            CommandOutcome.Succeeded => null,
            CommandOutcome.WrongArguments => "usage",
            _ => result.Reason,
        };
    }

    private sealed class Lines : TextOutput
    {
        private readonly StringBuilder _text = new();

        public string Text => _text.ToString();

        public override void Write(ReadOnlySpan<byte> ascii) => _text.Append(Encoding.ASCII.GetString(ascii));
    }

    private sealed class Tree : FileTree
    {
        private string[] _roots = [@"0:\"];

        public override string[] Roots => _roots;

        public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

        public List<string> Directories { get; } = [];

        public string? Failure { get; set; }

        public int ReadsAtMost { get; set; } = int.MaxValue;

        public bool KeepsFiles { get; set; }

        public void SetRoots(params string[] roots) => _roots = roots;

        public override FileItem[] List(string directory)
        {
            if (Failure is not null)
            {
                throw new IOException(Failure);
            }

            string start = directory.EndsWith('\\') ? directory : directory + @"\";
            return
            [
                .. Files.Where(file => IsIn(start, file.Key))
                    .Select(file => new FileItem(file.Key[start.Length..], false, (uint)file.Value.Length)),
                .. Directories.Where(each => IsIn(start, each))
                    .Select(each => new FileItem(each[start.Length..], true, 0)),
            ];
        }

        public override int Read(string path, byte[] destination)
        {
            int count = Math.Min(ReadsAtMost, destination.Length);
            Files[path].AsSpan(0, count).CopyTo(destination);
            return count;
        }

        public override void Create(string path, byte[] content) => Files.Add(path, content);

        public override void Delete(string path)
        {
            if (!KeepsFiles && !Files.Remove(path))
            {
                throw new InvalidOperationException(path);
            }
        }

        private static bool IsIn(string start, string path) =>
            path.StartsWith(start, StringComparison.Ordinal) && !path[start.Length..].Contains('\\');
    }
}
