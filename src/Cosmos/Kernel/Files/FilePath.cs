namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>The full path of a file or a directory that was typed, and what is there.</summary>
/// <remarks>
/// A path without a file system means the first one. Both slashes separate names; neither a slash at the end nor, as
/// always in FAT, the case of letters matters.
/// </remarks>
internal sealed class FilePath
{
    private const int MostCharacters = 255;

    private FilePath(string root)
    {
        Directory = root;
        Text = root;
        Name = "";
    }

    /// <summary>The full path, with each name that exists spelled as in the file system.</summary>
    internal string Text { get; private set; }

    /// <summary>The path of the directory that holds it.</summary>
    internal string Directory { get; private set; }

    /// <summary>The last name; empty for a root.</summary>
    internal string Name { get; private set; }

    /// <summary>The file or directory; null where there is none, and for a root.</summary>
    internal FileItem? Item { get; private set; }

    /// <summary>Whether it names a directory that exists.</summary>
    internal bool IsDirectory => Name.Length == 0 || (Item is not null && Item.IsDirectory);

    /// <summary>Looks up a path. A path is found also where only its directory exists.</summary>
    /// <param name="files">The files.</param>
    /// <param name="typed">What was typed.</param>
    /// <param name="failure">Why null is returned.</param>
    internal static FilePath? Find(FileTree files, string typed, out string failure)
    {
        string[] roots = files.Roots;
        if (roots.Length == 0)
        {
            failure = "no disk has a FAT32 file system";
            return null;
        }

        int start = RootLength(typed);
        string? root = start == 0 ? roots[0] : RootOf(roots, typed, start);
        if (root is null)
        {
            string named = typed.Substring(0, start);
            failure = "there is no file system at " + named + "; mounted: " + ListOf(roots);
            return null;
        }

        var path = new FilePath(root);
        failure = path.Follow(files, typed, start) ?? "";
        return failure.Length == 0 ? path : null;
    }

    /// <summary>The length of what names the file system: all up to a colon, and a slash after it.</summary>
    private static int RootLength(string typed)
    {
        for (int i = 0; i < typed.Length; i++)
        {
            if (typed[i] == ':')
            {
                return i + 1 < typed.Length && IsSlash(typed[i + 1]) ? i + 2 : i + 1;
            }
        }

        return 0;
    }

    private static string? RootOf(string[] roots, string typed, int length)
    {
        for (int i = 0; i < roots.Length; i++)
        {
            string root = roots[i];
            bool matches = root.Length == length || root.Length == length + 1;
            for (int j = 0; matches && j < length && typed[j] != ':'; j++)
            {
                matches = root[j] == typed[j];
            }

            if (matches)
            {
                return root;
            }
        }

        return null;
    }

    private static string ListOf(string[] roots)
    {
        string text = roots[0];
        for (int i = 1; i < roots.Length; i++)
        {
            text += ", " + roots[i];
        }

        return text;
    }

    /// <summary>Goes from name to name.</summary>
    /// <returns>Null, or why that is not possible.</returns>
    private string? Follow(FileTree files, string typed, int start)
    {
        for (int end = start; end <= typed.Length; end++)
        {
            if (end != typed.Length && !IsSlash(typed[end]))
            {
                continue;
            }

            if (end != start)
            {
                string name = typed.Substring(start, end - start);
                string? failure = CheckName(name) ?? Enter(files, name);
                if (failure is not null)
                {
                    return failure;
                }
            }

            start = end + 1;
        }

        return null;
    }

    private string? Enter(FileTree files, string name)
    {
        if (!IsDirectory)
        {
            return Item is null ? "there is no directory " + Text : Text + " is not a directory";
        }

        Directory = Text;
        Name = name;
        Item = FindItem(files.List(Directory), name);
        if (Item is not null)
        {
            Name = Item.Name;
        }

        bool isRoot = Directory[Directory.Length - 1] == '\\';
        Text = Directory + (isRoot ? "" : "\\") + Name;
        return null;
    }

    private static FileItem? FindItem(FileItem[] items, string name)
    {
        for (int i = 0; i < items.Length; i++)
        {
            if (AreEqual(items[i].Name, name))
            {
                return items[i];
            }
        }

        return null;
    }

    private static string? CheckName(string name)
    {
        if (name == "." || name == "..")
        {
            return "a path is written without . and ..";
        }

        if (name.Length > MostCharacters)
        {
            return "a name has at most 255 characters";
        }

        for (int i = 0; i < name.Length; i++)
        {
            char character = name[i];
            if (character < ' ' || character > '~' || character == ':' || character == '*' || character == '?'
                || character == '"' || character == '<' || character == '>' || character == '|')
            {
                return "a name has no control characters and none of : * ? \" < > |";
            }
        }

        char last = name[name.Length - 1];
        return last == '.' ? "a name does not end with a dot" : null;
    }

    private static bool IsSlash(char character) => character == '\\' || character == '/';

    private static bool AreEqual(string left, string right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        for (int i = 0; i < left.Length; i++)
        {
            if (Upper(left[i]) != Upper(right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static char Upper(char character) =>
        character >= 'a' && character <= 'z' ? (char)(character - 32) : character;
}
